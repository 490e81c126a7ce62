import type { ReadResult } from "./reader.ts";

/** What loading has cost, over the time spent in `batches` since the loader was made. */
export interface LoaderStatistics {
  images: number;
  imagesPerSecond: number;
  /** Share of the time that the consumer waited for a batch: near 1 when loading is the bottleneck. */
  waitShare: number;
  /** Share of the time that the workers had nothing to do: near 1 when the consumer is the bottleneck. */
  idleShare: number;
  /** Share of pictures that did not have to be decoded. */
  cachedShare: number;
}

/** Counts pictures and times for that many readers. */
export function createMeter(readers: number) {
  const busyMs = new Float64Array(readers);
  let spentMs = 0;
  let startedMs: number | undefined;
  let waitedMs = 0;
  let read = 0;
  let cached = 0;
  const meter = {
    images: 0,
    start() {
      startedMs = performance.now();
    },
    stop() {
      spentMs += performance.now() - startedMs!;
      startedMs = undefined;
    },
    note(reader: number, items: number, result: ReadResult): ReadResult {
      busyMs[reader] = result.busyMs;
      read += items;
      cached += result.cached;
      return result;
    },
    async waiting<T>(promise: Promise<T>): Promise<T> {
      const asked = performance.now();
      const value = await promise;
      waitedMs += performance.now() - asked;
      return value;
    },
    statistics(): LoaderStatistics {
      const total = spentMs + (startedMs === undefined ? 0 : performance.now() - startedMs);
      const busy = busyMs.reduce((a, b) => a + b, 0) / readers;
      const share = (part: number, whole: number) => (whole > 0 ? Math.min(part / whole, 1) : 0);
      return {
        images: meter.images,
        imagesPerSecond: total > 0 ? (1000 * meter.images) / total : 0,
        waitShare: share(waitedMs, total),
        idleShare: total > 0 ? 1 - share(busy, total) : 0,
        cachedShare: share(cached, read),
      };
    },
  };
  return meter;
}
