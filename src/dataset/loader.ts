import { outputSize } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import { coreCount, memoryBytes } from "../platform/machine.ts";
import { startWorkers } from "../platform/threads.ts";
import { createMeter, type LoaderStatistics } from "./meter.ts";
import {
  createReader,
  type Preparation,
  type ReaderOptions,
  type ReadItem,
  type ReadResult,
  type Rings,
} from "./reader.ts";
import type { Sample } from "./sample.ts";
import type { BatchPlan } from "./sampler.ts";

/** What a loader loads, and how. */
export interface LoaderOptions extends Preparation {
  samples: readonly Sample[];
  /** Pictures of the largest batch. */
  batchSize: number;
  /** Of the augmentation. Default 0. */
  seed?: number;
  /** Threads; 0 reads on this one. Default: one per core. */
  workers?: number;
  /** Batches read ahead. Default 3. */
  prefetch?: number;
  /** Bytes of decoded pictures kept over all workers; 0 where each is read once. Default: a quarter of the memory. */
  cacheBytes?: number;
}

/** Model inputs for consecutive samples of an epoch; the arrays belong to whoever gets them. */
export interface Batch {
  epoch: number;
  /** Position in the epoch of the first. */
  first: number;
  /** [B, 3, H, W], as the processor normalises. */
  pixels: Float32Array;
  /** [B, 3, h, w] of the tokenizer view; empty without one. */
  tokenizerPixels: Float32Array;
  /** [B]; -1 unlabelled or unreadable. */
  labels: Int32Array;
  /** [B], into the samples. */
  indices: Int32Array;
  /** Pictures that could not be read, by row: their pixels are 0. */
  errors: { row: number; index: number; error: BeitError }[];
}

/** Reads planned batches ahead and gives them in order. */
export interface Loader {
  /**
   * The planned batches, one iteration at a time; leaving it early is fine.
   * @throws BeitError `thread/died`; RangeError for a plan that does not fit.
   */
  batches(plan: Iterable<BatchPlan>): AsyncGenerator<Batch, void, void>;
  statistics(): LoaderStatistics;
  /** Ends the threads. */
  close(): Promise<void>;
}

/** One thread or none: reads items into the ring. */
interface Readers {
  count: number;
  request(reader: number, items: readonly ReadItem[]): Promise<ReadResult>;
  close(): Promise<void>;
}

/** A batch under way. */
interface Loading {
  plan: BatchPlan;
  slot: number;
  done: Promise<ReadResult[]>;
}

/**
 * A loader over the samples. Every picture is read by the same worker each time, so that its cache serves it; workers
 * write into shared memory, from which each batch is copied once (onnxruntime-node 1.30 refuses shared arrays). Batches
 * depend on samples, plan, seed and recipes only: not on the number of workers, nor on where a run was resumed.
 * @throws RangeError for a processor whose pictures do not come out in `size`; BeitError `thread/not-started`.
 */
export async function createLoader(options: LoaderOptions): Promise<Loader> {
  const { samples, batchSize, processor, size, augment, occlusion, tokenizerView, seed = 0 } = options;
  requireSizes(options);
  const slots = options.prefetch ?? 3;
  const count = options.workers ?? coreCount();
  const rings = createRings(slots * batchSize, options);
  const cacheBytes = (options.cacheBytes ?? memoryBytes() / 4) / Math.max(count, 1);
  const preparation = { processor, size, augment, occlusion, tokenizerView };
  const readers = await startReaders(count, { ...preparation, rings, seed, cacheBytes });
  const meter = createMeter(readers.count);
  let busy = false;

  const begin = (plan: BatchPlan, slot: number): Loading => {
    if (plan.indices.length > batchSize)
      throw new RangeError(`batches: ${plan.indices.length} pictures planned, batchSize is ${batchSize}`);
    const items = shareOut(plan, samples, slot * batchSize, readers.count);
    const done = Promise.all(items.map(async (list, i) => meter.note(i, list.length, await readers.request(i, list))));
    done.catch(() => undefined); // seen by whoever awaits it, if anybody still does
    return { plan, slot, done };
  };
  const take = async ({ plan, slot, done }: Loading): Promise<Batch> => {
    const failures = (await meter.waiting(done)).flatMap((result) => result.failures);
    const first = slot * batchSize;
    const rows = plan.indices.length;
    const errors = failures
      .map(({ place, code, message }) => ({
        row: place - first,
        index: plan.indices[place - first]!,
        error: new BeitError(code, message),
      }))
      .sort((a, b) => a.row - b.row);
    meter.images += rows;
    return {
      epoch: plan.epoch,
      first: plan.first,
      indices: plan.indices.slice(),
      errors,
      ...copyRows(rings, first, rows, slots * batchSize),
    };
  };
  async function* batches(plan: Iterable<BatchPlan>): AsyncGenerator<Batch, void, void> {
    if (busy) throw new Error("batches: the loader's last iteration has not ended");
    busy = true;
    meter.start();
    const queue: Loading[] = [];
    const plans = plan[Symbol.iterator]();
    const ahead = (slot: number) => {
      const next = plans.next();
      if (!next.done) queue.push(begin(next.value, slot));
    };
    try {
      for (let slot = 0; slot < slots; slot++) ahead(slot);
      for (let loading = queue.shift(); loading; loading = queue.shift()) {
        const batch = await take(loading);
        ahead(loading.slot);
        yield batch;
      }
    } finally {
      plans.return?.();
      await Promise.allSettled(queue.map(({ done }) => done)); // the ring is free again only then
      meter.stop();
      busy = false;
    }
  }
  return { batches, statistics: meter.statistics, close: readers.close };
}

function requireSizes({ augment, tokenizerView, ...main }: LoaderOptions): void {
  if (augment) return; // views come out in their size by themselves
  for (const { processor, size } of tokenizerView ? [main, tokenizerView] : [main]) {
    const [height, width] = size;
    const out = outputSize(processor);
    if (out?.height === height && out.width === width) continue;
    const what = out ? `${out.height} x ${out.width} px` : "a size that depends on the picture";
    throw new RangeError(`createLoader: the processor gives ${what}, expected ${height} x ${width} px`);
  }
}

/** Rings of `rows` pictures. */
function createRings(rows: number, { size, tokenizerView }: Preparation): Rings {
  const shared = (values: number) => new SharedArrayBuffer(values * 4);
  const valuesOf = ([height, width]: readonly [number, number]) => rows * 3 * height * width;
  return {
    pixels: new Float32Array(shared(valuesOf(size))),
    tokenizerPixels: new Float32Array(shared(tokenizerView ? valuesOf(tokenizerView.size) : 0)),
    labels: new Int32Array(shared(rows)),
  };
}

/** Rows of the rings in memory of their own; `all` is the rings' number of rows. */
function copyRows({ pixels, tokenizerPixels, labels }: Rings, first: number, rows: number, all: number): Rings {
  const copy = (ring: Float32Array) => ring.slice((ring.length / all) * first, (ring.length / all) * (first + rows));
  return { pixels: copy(pixels), tokenizerPixels: copy(tokenizerPixels), labels: labels.slice(first, first + rows) };
}

async function startReaders(count: number, options: ReaderOptions): Promise<Readers> {
  if (count > 0) return startWorkers<readonly ReadItem[], ReadResult>("dataset/loader-worker", count, options);
  const read = createReader(options);
  return { count: 1, request: (_, items) => read(items), close: async () => undefined };
}

/** The items of a batch for each reader. */
function shareOut(plan: BatchPlan, samples: readonly Sample[], firstPlace: number, readers: number): ReadItem[][] {
  const lists: ReadItem[][] = Array.from({ length: readers }, () => []);
  for (const [row, index] of plan.indices.entries()) {
    const sample = samples[index];
    if (!sample) throw new RangeError(`batches: sample ${index} planned, there are ${samples.length}`);
    const { path, id, label, attributes } = sample;
    lists[index % readers]!.push({
      path,
      id,
      label,
      attributes,
      place: firstPlace + row,
      epoch: plan.epoch,
      position: plan.first + row,
    });
  }
  return lists;
}
