import { type Pixels, toRgb } from "../../tensor/pixels.ts";
import { BeitError } from "../errors.ts";
import { jpegHeader } from "../jpeg-header.ts";
import { checkScans, checkSize, type DecodeLimits, MAX_PIXELS } from "../picture-limits.ts";
import { drawablePixels } from "./drawable.ts";
import { endsEarly, orientationOf, oriented } from "./exif.ts";

export type { DecodeLimits } from "../picture-limits.ts";

const JPEG = "image/jpeg";

/**
 * A picture file's content as 8-bit RGB, told by its content and never by its name; what is promised in Node is promised
 * here for JPEG, decoded by libjpeg-turbo too, and for opaque pictures of other kinds without a colour profile. Which other
 * kinds there are is the browser's choice (docs/numerics.md says what may differ).
 * @param name the file's name for messages
 * @throws BeitError `image/empty`, `image/not-an-image`, `image/too-large`, `image/truncated`, as in Node
 */
export async function decodeImage(bytes: Uint8Array, name: string, limits: DecodeLimits = {}): Promise<Pixels> {
  if (bytes.length === 0) throw new BeitError("image/empty", `${name}: is empty (0 bytes), expected a picture`);
  const type = typeOf(bytes);
  if (type === undefined) {
    const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw new BeitError("image/not-an-image", `${name}: is not a picture: its content begins with ${start}`);
  }
  const maxPixels = limits.maxPixels ?? MAX_PIXELS;
  try {
    if (type !== JPEG) return await fromBrowser(bytes, type, name, maxPixels);
    return await fromJpeg(bytes, name, maxPixels);
  } catch (error) {
    if (error instanceof BeitError) throw error;
    const reason = error instanceof Error ? error.message : "the decoder gave up"; // what it throws without memory
    throw new BeitError("image/truncated", `${name}: is truncated or damaged: ${reason}`, { cause: error });
  }
}

/** The media type that content begins as; undefined for what is no picture a browser might know. */
function typeOf(bytes: Uint8Array): string | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 48));
  if (text.startsWith("\xff\xd8\xff")) return JPEG;
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("GIF8")) return "image/gif";
  if (text.startsWith("RIFF") && text.startsWith("WEBP", 8)) return "image/webp";
  if (text.startsWith("ftyp", 4) && text.includes("avif")) return "image/avif";
  return undefined;
}

async function fromJpeg(bytes: Uint8Array, name: string, maxPixels: number): Promise<Pixels> {
  const header = jpegHeader(bytes);
  if (header) checkSize(header.width, header.height, maxPixels, name);
  if (endsEarly(bytes)) throw new Error("it has no end");
  if (!header) return fromBrowser(bytes, JPEG, name, maxPixels); // its size is not told before it is decoded
  checkScans(bytes, header, name);
  if (header.components === 4) return fromBrowser(bytes, JPEG, name, maxPixels); // CMYK: mozjpeg makes no RGB of it
  const { default: decode } = await import("@jsquash/jpeg/decode.js");
  const { width, height, data } = await decode(exactBuffer(bytes));
  return oriented(toRgb({ width, height, channels: 4, data }), orientationOf(bytes));
}

const exactBuffer = (bytes: Uint8Array): ArrayBuffer =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer
    ? bytes.buffer
    : Uint8Array.from(bytes).buffer;

/** By the browser's own decoders, told to leave colours and alpha as they are. */
async function fromBrowser(bytes: Uint8Array, type: string, name: string, maxPixels: number): Promise<Pixels> {
  const blob = new Blob([bytes as Uint8Array<ArrayBuffer>], { type });
  const options = { premultiplyAlpha: "none", colorSpaceConversion: "none" } as const;
  const bitmap = await createImageBitmap(blob, options);
  try {
    checkSize(bitmap.width, bitmap.height, maxPixels, name);
    return (await drawablePixels(bitmap))!;
  } finally {
    bitmap.close();
  }
}
