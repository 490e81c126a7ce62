import { type DecodeLimits, decodeImage } from "#platform/decode";
import { createEngine, type EngineOptions } from "#platform/engine";
import { readFile } from "#platform/files";
import { type ImageProcessor, preprocess, targetSize } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import type { Pixels } from "../tensor/pixels.ts";

/** A picture to classify: a file by its path, a file's content with a name for messages, or decoded pixels. */
export type Picture = string | { readonly bytes: Uint8Array; readonly name: string } | Pixels;

/** What a graph is run by, and what it needs for that. */
export type EngineChoice = Pick<EngineOptions, "device" | "externalData" | "optimize" | "onRemark">;

/** What a batch is classified with; plain data, so that it can be sent to a thread. */
export interface BatchOptions {
  /** ONNX model with its weights inside: `pixel_values` [batch, C, H, W] → one output [batch, K]. */
  readonly model: Uint8Array;
  /** Threads inside an operator. */
  readonly threads: number;
  readonly processor: ImageProcessor;
  readonly shape: readonly [channels: number, height: number, width: number];
  /** Most width x height of a picture; the decoder's own limit unless said otherwise. */
  readonly maxPixels?: number | undefined;
  readonly engine?: EngineChoice | undefined;
}

/** Logits of the readable pictures in order, and what was wrong with the others; plain data as well. */
export interface BatchOutcome {
  /** [pictures, K]; rows of unreadable pictures are NaN. */
  readonly logits: Float32Array;
  readonly errors: readonly { readonly row: number; readonly code: string; readonly message: string }[];
}

/** A compiled classifier in this thread. */
export interface BatchClassifier {
  classify(pictures: readonly Picture[]): Promise<BatchOutcome>;
  release(): Promise<void>;
}

/** A picture's pixels, read and decoded where it is not decoded yet. @throws BeitError `image/…`, `file/…` */
export async function pixelsOf(picture: Picture, limits: DecodeLimits = {}): Promise<Pixels> {
  if (typeof picture === "string") return decodeImage(await readFile(picture), picture, limits);
  return "bytes" in picture ? decodeImage(picture.bytes, picture.name, limits) : picture;
}

/** Pictures as the model takes them, and which could not be read. */
export interface PixelBatch {
  /** [pictures, C, H, W]; of no meaning where a picture could not be read. */
  readonly data: Float32Array;
  readonly errors: BatchOutcome["errors"];
}

const MOST_RESIZED = 100_000_000; // pixels

const nameOf = (picture: Picture) => {
  if (typeof picture === "string") return picture;
  return "name" in picture ? picture.name : undefined;
};

/** A picture that is very long becomes huge when its shorter edge is given a length. @throws BeitError `image/too-large` */
export function checkResized(name: string | undefined, pixels: Pixels, { resize }: ImageProcessor): void {
  if (!resize) return;
  const { width, height } = targetSize(pixels, resize);
  if (width * height <= MOST_RESIZED) return;
  const from = `${pixels.width} x ${pixels.height}`;
  const message = `${from} would have to be resized to ${width} x ${height}, the limit is ${MOST_RESIZED / 1e6} megapixels`;
  throw new BeitError("image/too-large", name ? `${name}: ${message}` : message);
}

/** Reads, decodes and resizes pictures, into `data` where it is given. */
export async function readBatch(
  pictures: readonly Picture[],
  { processor, shape, maxPixels }: Pick<BatchOptions, "processor" | "shape" | "maxPixels">,
  data: Float32Array = new Float32Array(pictures.length * shape[0] * shape[1] * shape[2]),
): Promise<PixelBatch> {
  const limits = maxPixels === undefined ? {} : { maxPixels };
  const length = shape[0] * shape[1] * shape[2];
  const errors: { row: number; code: string; message: string }[] = [];
  const read = async (picture: Picture, row: number) => {
    try {
      const pixels = await pixelsOf(picture, limits);
      checkResized(nameOf(picture), pixels, processor);
      preprocess(pixels, processor, data, row * length);
    } catch (error) {
      if (!(error instanceof BeitError)) throw error;
      errors.push({ row, code: error.code, message: error.message });
    }
  };
  await Promise.all(pictures.map(read));
  return { data, errors };
}

/**
 * Compiles a classifier for the calling thread, which reads, decodes, resizes and classifies whole batches.
 * @throws BeitError `engine/rejected`
 */
export async function createBatchClassifier(options: BatchOptions): Promise<BatchClassifier> {
  const { model, threads, shape } = options;
  const engine = await createEngine(model, { ...options.engine, threads, memoryPattern: true });
  const spare: Float32Array[] = []; // inputs of batches that are through: fresh memory costs more than a resize

  async function classify(pictures: readonly Picture[]): Promise<BatchOutcome> {
    const length = pictures.length * shape[0] * shape[1] * shape[2];
    const held = spare.pop();
    const input = held && held.length >= length ? held : new Float32Array(length);
    const { data, errors } = await readBatch(pictures, options, input.subarray(0, length));
    const results = await engine.run({ pixel_values: { dtype: "float32", shape: [pictures.length, ...shape], data } });
    spare.push(input);
    const [output] = Object.values(results);
    const logits = Float32Array.from(output!.data as Float32Array);
    const classes = logits.length / pictures.length;
    for (const { row } of errors) logits.fill(Number.NaN, row * classes, (row + 1) * classes);
    return { logits, errors };
  }
  return { classify, release: () => engine.release() };
}
