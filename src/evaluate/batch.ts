import { type ImageProcessor, preprocess } from "../image/processor.ts";
import { decodeImage } from "../platform/decode.ts";
import { createEngine } from "../platform/engine.ts";
import { BeitError } from "../platform/errors.ts";
import { readFile } from "../platform/files.ts";
import type { Pixels } from "../tensor/pixels.ts";

/** A picture to classify: a file by its path, a file's content with a name for messages, or decoded pixels. */
export type Picture = string | { readonly bytes: Uint8Array; readonly name: string } | Pixels;

/** What a batch is classified with; plain data, so that it can be sent to a thread. */
export interface BatchOptions {
  /** ONNX model with its weights inside: `pixel_values` [batch, C, H, W] → `logits` [batch, K]. */
  readonly model: Uint8Array;
  /** Threads inside an operator. */
  readonly threads: number;
  readonly processor: ImageProcessor;
  readonly shape: readonly [channels: number, height: number, width: number];
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

async function pixelsOf(picture: Picture): Promise<Pixels> {
  if (typeof picture === "string") return decodeImage(await readFile(picture), picture);
  return "bytes" in picture ? decodeImage(picture.bytes, picture.name) : picture;
}

/**
 * Compiles a classifier for the calling thread, which reads, decodes, resizes and classifies whole batches.
 * @throws BeitError `engine/rejected`
 */
export async function createBatchClassifier(options: BatchOptions): Promise<BatchClassifier> {
  const { model, threads, processor, shape } = options;
  const engine = await createEngine(model, { threads });
  const length = shape[0] * shape[1] * shape[2];
  const spare: Float32Array[] = []; // inputs of batches that are through: fresh memory costs more than a resize

  async function classify(pictures: readonly Picture[]): Promise<BatchOutcome> {
    const errors: { row: number; code: string; message: string }[] = [];
    const held = spare.pop();
    const input = held && held.length >= pictures.length * length ? held : new Float32Array(pictures.length * length);
    const data = input.subarray(0, pictures.length * length);
    const read = async (picture: Picture, row: number) => {
      try {
        preprocess(await pixelsOf(picture), processor, data, row * length);
      } catch (error) {
        if (!(error instanceof BeitError)) throw error;
        errors.push({ row, code: error.code, message: error.message });
      }
    };
    await Promise.all(pictures.map(read));
    const results = await engine.run({ pixel_values: { dtype: "float32", shape: [pictures.length, ...shape], data } });
    spare.push(input);
    const logits = Float32Array.from(results.logits!.data as Float32Array);
    const classes = logits.length / pictures.length;
    for (const { row } of errors) logits.fill(Number.NaN, row * classes, (row + 1) * classes);
    return { logits, errors };
  }
  return { classify, release: () => engine.release() };
}
