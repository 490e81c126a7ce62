import { type AugmentRecipe, augment, augmentViews } from "../image/augment.ts";
import type { Filter } from "../image/filters.ts";
import { randomErasing } from "../image/noise.ts";
import { type ImageProcessor, preprocess } from "../image/processor.ts";
import { upperPart } from "../image/zoom-out.ts";
import { decodeImage } from "../platform/decode.ts";
import { BeitError } from "../platform/errors.ts";
import { readFile } from "../platform/files.ts";
import type { Pixels } from "../tensor/pixels.ts";
import { type Random, random } from "../tensor/random.ts";
import { type Occlusion, occlude } from "./occlusion.ts";
import type { Sample } from "./sample.ts";

/** A second input made of the same crop: what the tokenizer sees in BEiT's pre-training. */
export interface TokenizerView {
  size: readonly [height: number, width: number];
  filter: Filter;
  /** Without augmentation all of it; with one only its rescaling and normalisation. */
  processor: ImageProcessor;
}

/** How pictures become model inputs. */
export interface Preparation {
  processor: ImageProcessor;
  /** Pixels of the model's input. */
  size: readonly [height: number, width: number];
  /** Without it pictures are prepared as for evaluation; with it the processor only rescales and normalises. */
  augment?: AugmentRecipe | undefined;
  /** Paints masks and other things onto faces before the augmentation; may change the label. */
  occlusion?: Occlusion | undefined;
  /** Of the augmentation only jitter, flip, crop and erasing are used then. */
  tokenizerView?: TokenizerView | undefined;
}

/** Rings of batches in shared memory. */
export interface Rings {
  /** [slots, batchSize, 3, H, W]. */
  pixels: Float32Array;
  /** [slots, batchSize, 3, h, w] of the tokenizer view; empty without one. */
  tokenizerPixels: Float32Array;
  /** [slots, batchSize]. */
  labels: Int32Array;
}

/** Everything a reader needs to know once. */
export interface ReaderOptions extends Preparation {
  rings: Rings;
  seed: number;
  /** Bytes of decoded pictures to keep. */
  cacheBytes: number;
}

/** One picture to read. */
export interface ReadItem extends Pick<Sample, "path" | "id" | "label" | "attributes"> {
  /** Row of the ring: slot · batchSize + row of the batch. */
  place: number;
  epoch: number;
  /** Position in the epoch: a sample drawn twice is augmented twice. */
  position: number;
}

/** What reading some pictures came to. */
export interface ReadResult {
  /** Pictures that could not be read; their pixels are 0 and their labels -1. */
  failures: { place: number; code: string; message: string }[];
  /** Pictures that did not have to be decoded. */
  cached: number;
  /** Time this reader has worked since it was made. */
  busyMs: number;
}

const CONCURRENT = 3; // reading, and all but small JPEG files' decoding, runs on threads of its own while this one resizes

/**
 * Reads pictures into the ring. A result depends on the seed, the picture's id, its epoch and position only, never on
 * which reader does it or when. Decoded pictures are kept until the cache is full and none is dropped: with one pass over
 * the data per epoch no rule hits more often.
 */
export function createReader(options: ReaderOptions): (items: readonly ReadItem[]) => Promise<ReadResult> {
  const decodeOnce = cachedDecode(options.cacheBytes);
  const desk = createDesk(CONCURRENT);
  const reading = readGrounds(options.occlusion);
  const targets = targetsOf(options);
  return async (items) => {
    const grounds = await reading;
    const failures: ReadResult["failures"] = [];
    let cached = 0;
    const read = async (item: ReadItem) => {
      try {
        const picture = await decodeOnce(item.path);
        if (picture.cached) cached++;
        prepare(picture.pixels, item, options, targets, grounds);
      } catch (error) {
        for (const { ring, length } of targets) ring.fill(0, item.place * length, (item.place + 1) * length);
        options.rings.labels[item.place] = -1;
        failures.push({ place: item.place, ...describe(error, item.path) });
      }
    };
    await Promise.all(items.map((item) => desk.run(() => read(item))));
    return { failures, cached, busyMs: desk.busyMs() };
  };
}

/** The upper parts of scenes. One that cannot be read is left out: it is told where it is trained on. */
async function readGrounds(occlusion: Occlusion | undefined): Promise<Pixels[]> {
  const grounds: Pixels[] = [];
  const upper = occlusion?.recipe.zoomOut?.grounds?.upper ?? 1;
  for (const path of occlusion?.scenes ?? []) {
    const pixels = await decode(path).catch(() => undefined);
    if (pixels) grounds.push(upperPart(pixels, upper));
  }
  return grounds;
}

function prepare(
  decoded: Pixels,
  item: ReadItem,
  options: ReaderOptions,
  targets: readonly Target[],
  grounds: readonly Pixels[],
): void {
  const { rings, occlusion } = options;
  const stream = (use: string) => random(options.seed, item.epoch, item.id, item.position, use);
  const seen = occlusion
    ? occlude(decoded, item, occlusion, stream("occlude"), grounds)
    : { pixels: decoded, label: item.label };
  const views = options.augment ? augmented(seen.pixels, options.augment, stream("augment"), options) : undefined;
  for (const [i, { ring, length, processor }] of targets.entries()) {
    preprocess(views?.[i] ?? seen.pixels, processor, ring, item.place * length);
  }
  erase(item.place, options, stream("erase"));
  rings.labels[item.place] = seen.label;
}

/** Erasing works on the normalised input, and spares the tokenizer's. */
function erase(place: number, { augment: recipe, size: [height, width], rings }: ReaderOptions, stream: Random): void {
  const erasing = recipe?.erasing;
  if (!erasing || stream.uniform() >= erasing.probability) return;
  const length = 3 * height * width;
  randomErasing(rings.pixels.subarray(place * length, (place + 1) * length), height, width, erasing, stream);
}

/** The augmented picture, and with a tokenizer view the same crop for it. */
function augmented(pixels: Pixels, recipe: AugmentRecipe, stream: Random, options: Preparation): Pixels[] {
  const [height, width] = options.size;
  if (!options.tokenizerView) return [augment(pixels, recipe, stream, { height, width })];
  const { size, filter } = options.tokenizerView;
  const second = { height: size[0], width: size[1], filter };
  return augmentViews(pixels, recipe, stream, [{ height, width, filter: recipe.filter }, second]);
}

/** Where a view of each picture goes. */
interface Target {
  readonly ring: Float32Array;
  /** Values of a picture. */
  readonly length: number;
  /** What is left to do to the view. */
  readonly processor: ImageProcessor;
}

function targetsOf({ rings, tokenizerView, augment: recipe, ...options }: ReaderOptions): Target[] {
  const target = (
    ring: Float32Array,
    { size: [height, width], processor }: Pick<Preparation, "size" | "processor">,
  ): Target => ({
    ring,
    length: 3 * height * width,
    processor: recipe ? { ...processor, resize: undefined, crop: undefined } : processor,
  });
  const first = target(rings.pixels, options);
  return tokenizerView ? [first, target(rings.tokenizerPixels, tokenizerView)] : [first];
}

function describe(error: unknown, path: string): { code: string; message: string } {
  if (error instanceof BeitError) return { code: error.code, message: error.message };
  return {
    code: "image/failed",
    message: `${path}: could not be prepared: ${error instanceof Error ? error.message : error}`,
  };
}

const decode = async (path: string): Promise<Pixels> => decodeImage(await readFile(path), path);

/** Decodes a picture once, also when two ask for it at a time. */
function cachedDecode(cacheBytes: number): (path: string) => Promise<{ pixels: Pixels; cached: boolean }> {
  const kept = new Map<string, Promise<Pixels>>();
  let free = cacheBytes;
  return async (path) => {
    const known = kept.get(path);
    if (known) return { pixels: await known, cached: true };
    const decoding = decode(path);
    kept.set(path, decoding);
    const bytes = await decoding.then(
      ({ data }) => data.byteLength,
      () => Number.POSITIVE_INFINITY,
    );
    if (bytes <= free) free -= bytes;
    else kept.delete(path);
    return { pixels: await decoding, cached: false };
  };
}

/** Lets `places` tasks run at a time, first come first served, and measures how long any did. */
function createDesk(places: number) {
  const waiting: (() => void)[] = [];
  let running = 0;
  let busyMs = 0;
  let since = 0;
  const leave = () => {
    const next = waiting.shift();
    if (next) return next();
    if (--running === 0) busyMs += performance.now() - since;
  };
  const enter = async () => {
    if (running === places) return new Promise<void>((resolve) => waiting.push(resolve));
    if (running++ === 0) since = performance.now();
  };
  const run = async (task: () => Promise<void>): Promise<void> => {
    await enter();
    await task().finally(leave);
  };
  return { run, busyMs: () => busyMs + (running > 0 ? performance.now() - since : 0) };
}
