import { coreCount } from "#platform/machine";
import { startWorkers } from "#platform/threads";
import { type BeitConfig, WIDE } from "../beit/config.ts";
import { type ImageProcessor, outputSize } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  type BatchOptions,
  type BatchOutcome,
  createBatchClassifier,
  type EngineChoice,
  type Picture,
} from "./batch.ts";
import type { PredictRequest } from "./predict-worker.ts";

/** What inference needs of a model: how pictures become its input, and the weights or a quantised form. */
export type Classifier = FloatClassifier | QuantizedClassifier;

interface Described {
  readonly config: BeitConfig;
  readonly processor: ImageProcessor;
}

/** A classifier that is run in float32. */
export interface FloatClassifier extends Described {
  readonly parameters: ReadonlyMap<string, Tensor>;
  readonly quantized?: undefined;
}

/** A classifier that is run as ONNX bytes, a quantised form of the model. */
export interface QuantizedClassifier extends Described {
  readonly parameters?: ReadonlyMap<string, Tensor>;
  readonly quantized: Uint8Array;
}

/** The outcome of one picture. */
export type Scored = { readonly logits: Float32Array } | { readonly error: BeitError };

/** Classifies pictures in order, many at a time. */
export interface Predictor {
  readonly classes: number;
  /** Outcomes in the order of the pictures; memory stays bounded however many there are. */
  scores(pictures: Iterable<Picture>): AsyncGenerator<Scored, void, void>;
  close(): Promise<void>;
}

/** Where prediction runs. */
export interface PredictorOptions {
  /**
   * Threads, each of which reads, decodes, resizes and classifies whole batches; 0 works in the calling thread, which
   * starts sooner but blocks it. Default: one per core for narrow models; one for wide ones, whose operators use all cores.
   */
  readonly workers?: number;
  readonly batchSize?: number;
  /** Most width x height of a picture, told from its header; the decoder's own limit unless said otherwise. */
  readonly maxPixels?: number;
  /** See `EngineOptions`; what threads are given must be plain data. */
  readonly engine?: EngineChoice | undefined;
}

/** Something that classifies batches: this thread, or several of them, the least busy first. */
interface Backend {
  /** Batches that may be under way at once. */
  readonly depth: number;
  classify(pictures: readonly Picture[]): Promise<BatchOutcome>;
  close(): Promise<void>;
}

/** Pictures that go through the graph at once, unless said otherwise: their activations stay in cache (docs/log.md). */
export const PREDICTION_BATCH = 4;

/**
 * Compiles a classifier and starts its threads.
 * @throws BeitError `processor/unfit` when the processor does not make the pictures that the model takes,
 * `engine/rejected`, `thread/not-started`
 */
export async function createPredictor(classifier: Classifier, options: PredictorOptions = {}): Promise<Predictor> {
  const model = await modelBytes(classifier);
  return startPredictor(classifier, model, classifier.config.labels.length, options);
}

async function modelBytes(classifier: Classifier): Promise<Uint8Array> {
  if (classifier.quantized) return classifier.quantized;
  const { inferenceBytes } = await import("./inference.ts"); // tracing and passes, which a quantised form does without
  return inferenceBytes(classifier);
}

/** Threads that predict with a model unless said otherwise. */
export const usualWorkers = ({ hiddenSize }: BeitConfig): number => (hiddenSize >= WIDE ? 1 : coreCount());

/**
 * Starts the threads of an ONNX file `pixel_values` → one output of `classes` numbers a picture.
 * @throws BeitError as {@link createPredictor}
 */
export async function startPredictor(
  { config, processor }: Pick<Classifier, "config" | "processor">,
  model: Uint8Array,
  classes: number,
  options: PredictorOptions,
): Promise<Predictor> {
  checkProcessor({ config, processor });
  const workers = options.workers ?? usualWorkers(config);
  const batch: BatchOptions = {
    model,
    threads: Math.max(1, Math.floor(coreCount() / Math.max(1, workers))),
    processor,
    shape: [config.numChannels, ...config.imageSize],
    maxPixels: options.maxPixels,
    engine: options.engine,
  };
  const backend = await (workers === 0 ? inThisThread(batch) : inThreads(batch, workers));
  const size = options.batchSize ?? PREDICTION_BATCH;
  return { classes, scores: (pictures) => scores(backend, chunks(pictures, size), classes), close: backend.close };
}

/** @throws BeitError `processor/unfit` */
function checkProcessor({ config, processor }: Pick<Classifier, "config" | "processor">): void {
  const [height, width] = config.imageSize;
  const made = outputSize(processor);
  if (config.numChannels === 3 && made?.height === height && made.width === width) return;
  const found = made ? `3 x ${made.height} x ${made.width}` : "of a size that depends on the picture";
  const message = `the processor makes inputs ${found}, the model takes ${config.numChannels} x ${height} x ${width}`;
  throw new BeitError("processor/unfit", `${message}: correct preprocessor_config.json`);
}

async function inThisThread(batch: BatchOptions): Promise<Backend> {
  const { classify, release } = await createBatchClassifier(batch);
  return { depth: 1, classify, close: release };
}

async function inThreads(batch: BatchOptions, count: number): Promise<Backend> {
  const threads = await startWorkers<PredictRequest, BatchOutcome>("evaluate/predict-worker", count, batch);
  const open = new Array<number>(count).fill(0); // batches under way by thread
  return {
    depth: 3 * count, // per thread one at work and two waiting, so that a slow one keeps no other idle
    async classify(pictures) {
      const idlest = open.indexOf(Math.min(...open));
      open[idlest]!++;
      return threads.request(idlest, { pictures }).finally(() => open[idlest]!--);
    },
    close: () => threads.idle().then(threads.close),
  };
}

async function* scores(
  backend: Backend,
  batches: Iterator<readonly Picture[], undefined>,
  classes: number,
): AsyncGenerator<Scored, void, void> {
  const pending: { answer: Promise<BatchOutcome>; size: number }[] = [];
  const ask = () => {
    const { value: pictures, done } = batches.next();
    if (done) return;
    const answer = backend.classify(pictures);
    answer.catch(() => undefined); // awaited in order below
    pending.push({ answer, size: pictures.length });
  };
  for (let i = 0; i < backend.depth; i++) ask();
  while (pending.length) {
    const { answer, size } = pending.shift()!;
    const { logits, errors } = await answer;
    ask();
    const failed = new Map(errors.map(({ row, code, message }) => [row, new BeitError(code, message)]));
    for (let row = 0; row < size; row++) {
      const error = failed.get(row);
      yield error ? { error } : { logits: logits.subarray(row * classes, (row + 1) * classes) };
    }
  }
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[], undefined, void> {
  let chunk: T[] = [];
  for (const item of items) {
    chunk.push(item);
    if (chunk.length === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length) yield chunk;
  return undefined;
}
