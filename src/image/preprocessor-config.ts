import { BeitError } from "../platform/errors.ts";
import type { Filter } from "./filters.ts";
import type { Size } from "./pixels.ts";
import type { ImageProcessor, Triple } from "./processor.ts";

const FILTERS: readonly Filter[] = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]; // Pillow's numbers 0-5

/** What a family of processors does where its file is silent. Hugging Face transformers v4.30.2 and v5.15.0. */
interface Family {
  readonly filter: Filter;
  /** A bare number as `size` is a square's edge, or else the short edge. */
  readonly square: boolean;
  /** Crops when the file gives a crop size without saying whether to. */
  readonly crops: boolean;
  /** Mean and standard deviation are 0.5; other families' defaults changed over time, so their files must say. */
  readonly halves: boolean;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  Beit: { filter: "bicubic", square: true, crops: true, halves: true },
  ViT: { filter: "bilinear", square: true, crops: false, halves: true },
  DeiT: { filter: "bicubic", square: true, crops: true, halves: false },
  CLIP: { filter: "bicubic", square: false, crops: true, halves: false },
  Bit: { filter: "bicubic", square: false, crops: true, halves: false },
};

const UNSUPPORTED = [
  "do_pad",
  "do_flip_channel_order",
  "do_thumbnail",
  "do_crop_margin",
  "do_align_long_axis",
  "crop_pct",
  "size_divisor",
];

type Json = Readonly<Record<string, unknown>>;

/**
 * A processor from the content of `preprocessor_config.json` in any of its historical spellings. Keys that change
 * nothing here are tolerated; `null` means off or absent.
 * @param name the file's name for messages
 * @throws BeitError `processor/invalid` for a key that is missing or has the wrong form, `processor/unsupported` for a
 * step or a kind of processor that is not implemented
 */
export function parseImageProcessor(json: unknown, name: string): ImageProcessor {
  if (typeof json !== "object" || json === null || Array.isArray(json)) fail(name, "expected a JSON object", json);
  const config = json as Json;
  const family = familyOf(config, name);
  for (const key of UNSUPPORTED) {
    if (config[key]) unsupported(name, key, config[key]);
  }
  const flag = (key: string, silent: boolean) => readFlag(config, key, silent, name);
  const crops = flag("do_center_crop", family.crops && config.crop_size != null);
  return {
    ...(flag("do_resize", true) && { resize: readSize(config.size, "size", family.square, name) }),
    filter: readFilter(config.resample, family.filter, name),
    ...(crops && { crop: readCrop(config.crop_size, name) }),
    ...(flag("do_rescale", true) && { rescaleFactor: readFactor(config.rescale_factor, name) }),
    ...(flag("do_normalize", true) && {
      normalize: { mean: readTriple(config, "image_mean", family, name), std: readDeviation(config, family, name) },
    }),
  };
}

/**
 * The content of `preprocessor_config.json`, every key explicit. The type is the one that does these steps both in
 * Python and in transformers.js: ViT's; with a centre crop DeiT's, because Python's ViT processor has none; with an
 * edge length CLIP's, because the others only resize to exact sizes.
 */
export function serializeImageProcessor(processor: ImageProcessor): Record<string, unknown> {
  const { resize, filter, crop, rescaleFactor, normalize } = processor;
  const byEdge = resize && "shortestEdge" in resize;
  return {
    image_processor_type: byEdge ? "CLIPImageProcessor" : crop ? "DeiTImageProcessor" : "ViTImageProcessor",
    do_convert_rgb: true,
    do_resize: resize !== undefined,
    ...(resize && {
      size: byEdge ? { shortest_edge: resize.shortestEdge } : { height: resize.height, width: resize.width },
    }),
    resample: FILTERS.indexOf(filter),
    do_center_crop: crop !== undefined,
    ...(crop && { crop_size: { height: crop.height, width: crop.width } }),
    do_rescale: rescaleFactor !== undefined,
    rescale_factor: rescaleFactor ?? 1 / 255,
    do_normalize: normalize !== undefined,
    image_mean: normalize?.mean ?? [0.5, 0.5, 0.5],
    image_std: normalize?.std ?? [0.5, 0.5, 0.5],
  };
}

function fail(name: string, expected: string, got: unknown): never {
  throw new BeitError("processor/invalid", `${name}: ${expected}, got ${JSON.stringify(got) ?? "nothing"}`);
}

function unsupported(name: string, key: string, got: unknown): never {
  throw new BeitError("processor/unsupported", `${name}: ${key} ${JSON.stringify(got)} is not supported`);
}

function familyOf(config: Json, name: string): Family {
  const key = config.image_processor_type != null ? "image_processor_type" : "feature_extractor_type";
  const type = config[key];
  if (type == null) return FAMILIES.Beit!;
  const [, stem = ""] = /^(\w+?)(?:FeatureExtractor|ImageProcessor(?:Fast|Pil)?)$/.exec(String(type)) ?? [];
  if (!Object.hasOwn(FAMILIES, stem)) unsupported(name, key, type);
  return FAMILIES[stem]!;
}

function readFlag(config: Json, key: string, silent: boolean, name: string): boolean {
  const value = config[key];
  if (value === undefined) return silent;
  if (value !== null && typeof value !== "boolean") fail(name, `${key}: expected true or false`, value);
  return value ?? false;
}

const isEdge = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

function readSize(value: unknown, key: string, square: boolean, name: string): NonNullable<ImageProcessor["resize"]> {
  const {
    height,
    width,
    shortest_edge: shortestEdge,
    ...others
  } = (typeof value === "object" ? (value ?? {}) : {}) as Json;
  if (isEdge(value)) return square ? { height: value, width: value } : { shortestEdge: value };
  if (Array.isArray(value) && value.length === 2 && isEdge(value[0]) && isEdge(value[1]))
    return { height: value[0], width: value[1] };
  const rest = Object.entries(others).filter(([, other]) => other != null);
  if (!Array.isArray(value) && rest.length > 0) unsupported(name, `${key}.${rest[0]![0]}`, rest[0]![1]);
  if (isEdge(height) && isEdge(width)) return { height, width };
  if (isEdge(shortestEdge)) return { shortestEdge };
  return fail(name, `${key}: expected pixels as a number, [height, width], {height, width} or {shortest_edge}`, value);
}

function readCrop(value: unknown, name: string): Size {
  const size = readSize(value ?? 224, "crop_size", true, name); // 224 is every family's default
  return "width" in size ? size : fail(name, "crop_size: expected a number or {height, width}", value);
}

function readFilter(value: unknown, silent: Filter, name: string): Filter {
  if (value == null) return silent;
  const filter = typeof value === "number" ? FILTERS[value] : undefined;
  const known = FILTERS.map((f, i) => `${i} ${f}`).join(", ");
  return filter ?? fail(name, `resample: expected one of Pillow's numbers (${known})`, value);
}

function readFactor(value: unknown, name: string): number {
  if (value == null) return 1 / 255;
  return typeof value === "number" && Number.isFinite(value)
    ? value
    : fail(name, "rescale_factor: expected a number", value);
}

function readTriple(config: Json, key: string, family: Family, name: string): Triple {
  const value = config[key] ?? (family.halves ? [0.5, 0.5, 0.5] : undefined);
  const ok =
    Array.isArray(value) && value.length === 3 && value.every((v) => typeof v === "number" && Number.isFinite(v));
  return ok
    ? (value as [number, number, number])
    : fail(name, `${key}: expected three numbers, for red, green and blue`, value);
}

function readDeviation(config: Json, family: Family, name: string): Triple {
  const std = readTriple(config, "image_std", family, name);
  return std.includes(0) ? fail(name, "image_std: expected numbers other than 0", std) : std;
}
