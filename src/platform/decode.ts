import { createRequire } from "node:module";
import type { Sharp, SharpOptions } from "sharp";
import { type Pixels, toRgb } from "../tensor/pixels.ts";
import { BeitError } from "./errors.ts";
import { jpegHeader } from "./jpeg-header.ts";
import {
  checkDerived,
  checkDirectories,
  checkScans,
  checkSize,
  type DecodeLimits,
  MAX_PIXELS,
  withoutTexts,
} from "./picture-limits.ts";
import { decodeSmallJpeg, SMALL } from "./small-jpeg.ts";

export type { DecodeLimits } from "./picture-limits.ts";

const KINDS = "JPEG, PNG, WebP, GIF, TIFF or AVIF";

const require = createRequire(import.meta.url); // takes half the time that import() takes for sharp

let loaded: typeof import("sharp")["default"] | undefined;

/** sharp, loaded on first use because it costs start-up time; one thread a picture and no cache of its own. */
function sharp(): typeof import("sharp")["default"] {
  if (loaded) return loaded;
  loaded = require("sharp") as typeof import("sharp")["default"];
  loaded.concurrency(1);
  loaded.cache(false);
  return loaded;
}

/**
 * A picture file's content as 8-bit RGB, told by its content and never by its name. The EXIF orientation is applied;
 * alpha is dropped, not blended; grey and CMYK become RGB by Pillow's formulas; colour profiles are ignored; of an
 * animation the first frame is taken. Equal to Pillow's `ImageOps.exif_transpose(image).convert("RGB")` with one
 * deviation: 16-bit grey keeps its high byte as 16-bit RGB does, where Pillow clips everything above 255 to white.
 * @param name the file's name for messages
 * @throws BeitError `image/empty` (no bytes), `image/not-an-image` (another kind of content), `image/too-large` (told
 * from the header, before any pixel is decoded; also of a file that would make a decoder work much harder than its size says), `image/truncated` (ends early or is damaged)
 */
export async function decodeImage(content: Uint8Array, name: string, limits: DecodeLimits = {}): Promise<Pixels> {
  if (content.length === 0) throw new BeitError("image/empty", `${name}: is empty (0 bytes), expected a picture`);
  const kind = kindOf(content);
  if (!kind) {
    const start = Array.from(content.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new BeitError(
      "image/not-an-image",
      `${name}: is not a picture: expected ${KINDS}, its content begins with ${start}`,
    );
  }
  try {
    const maxPixels = limits.maxPixels ?? MAX_PIXELS;
    const bytes = kind === "png" ? withoutTexts(content) : content;
    if (kind === "tiff") checkDirectories(bytes, name);
    if (kind === "avif") checkDerived(bytes, maxPixels, name);
    const jpeg = kind === "jpeg" ? jpegHeader(bytes) : undefined;
    const { width, height, cmyk } = jpeg
      ? { ...jpeg, cmyk: jpeg.components === 4 }
      : await metadataOf(sharp()(bytes, OPTIONS));
    checkSize(width, height, maxPixels, name);
    if (kind === "jpeg") checkScans(bytes, { width, height }, name);
    const small = jpeg?.plain && width * height <= SMALL ? await decodeSmallJpeg(bytes) : undefined;
    if (small) return small;
    const picture = sharp()(bytes, { ...OPTIONS, limitInputPixels: maxPixels }); // should its header have lied
    return cmyk
      ? fromCmyk(await raw(picture.pipelineColourspace("cmyk").toColourspace("cmyk")))
      : toRgb(await raw(picture.removeAlpha().toColourspace("srgb")));
  } catch (error) {
    if (error instanceof BeitError) throw error;
    const reason = (error as Error).message.trim().split("\n")[0];
    throw new BeitError("image/truncated", `${name}: is truncated or damaged: ${reason}`, { cause: error });
  }
}

async function metadataOf(picture: Sharp) {
  const { width, height, space } = await picture.metadata();
  return { width, height, cmyk: space === "cmyk" };
}

/** A JPEG file of a picture, chroma at half resolution. @param quality 1 to 100 */
export async function encodeJpeg(pixels: Pixels, quality: number): Promise<Uint8Array> {
  return fromPixels(pixels).jpeg({ quality, chromaSubsampling: "4:2:0" }).toBuffer();
}

/** A PNG file of a picture. */
export async function encodePng(pixels: Pixels): Promise<Uint8Array> {
  return fromPixels(pixels).png().toBuffer();
}

function fromPixels({ data, width, height }: Pixels): Sharp {
  return sharp()(data, { raw: { width, height, channels: 3 } });
}

const OPTIONS: SharpOptions = {
  failOn: "error", // as strict as Pillow: trailing rubbish and odd markers pass, missing data does not
  limitInputPixels: false, // checkSize says it better
  ignoreIcc: true,
  autoOrient: true,
};

interface Raw extends Pixels {
  readonly channels: number;
}

async function raw(picture: Sharp): Promise<Raw> {
  const { data, info } = await picture.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
  return {
    width: info.width,
    height: info.height,
    channels: info.channels,
    data: new Uint8Array(data.buffer, data.byteOffset, data.length),
  };
}

/** Ink to light without a colour profile: (1 - C)(1 - K). @see Pillow 9.4 `src/libImaging/Convert.c` `cmyk2rgb` */
function fromCmyk({ width, height, channels, data }: Raw): Pixels {
  const out = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < out.length; from += channels, to += 3) {
    const light = 255 - data[from + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = data[from + c]! * light + 128;
      out[to + c] = light - (((product >> 8) + product) >> 8);
    }
  }
  return { width, height, data: out };
}

/** The kind that the content begins as; scripts and documents that could render are none. */
function kindOf(bytes: Uint8Array): "jpeg" | "png" | "gif" | "webp" | "tiff" | "avif" | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 48));
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("GIF8")) return "gif";
  if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return "webp";
  if (text.startsWith("II*\0") || text.startsWith("MM\0*")) return "tiff";
  return text.startsWith("ftyp", 4) && text.includes("avif") ? "avif" : undefined;
}
