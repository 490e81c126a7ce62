import { BeitError } from "../platform/errors.ts";
import type { Clock } from "./clock.ts";

/** How single items become batches. */
export interface BatcherOptions<Item, Result> {
  /** Answers a batch, one result an item, in order. A rejection fails every item of the batch. */
  run(items: readonly Item[]): Promise<readonly Result[]>;
  readonly clock: Clock;
  /** Most items of a batch. */
  readonly maxBatch: number;
  /** How long the first item of a batch waits for others, in milliseconds. */
  readonly windowMs: number;
  /** Most items waiting; what comes beyond is refused. */
  readonly maxQueue: number;
  /**
   * Batches that are worked on at the same time. As many full ones again may stand ready behind them, so that nobody
   * idles between two batches. While the clock's thread is busy it is one fewer: what has to be refused is to be refused
   * at once, and threads at work leave little of the processor to the one that does it.
   */
  readonly workers: number;
  /** Told of every batch that is done: its size, how long its first item had waited, and how long it took. */
  onBatch?(batch: { readonly size: number; readonly waitedMs: number; readonly tookMs: number }): void;
}

/** When a submission is given up. */
export interface SubmitOptions {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
  /** Time on the clock after which the answer is of no use. */
  readonly deadline?: number;
}

/** Collects items that arrive one by one into batches. */
export interface Batcher<Item, Result> {
  /**
   * Results in the order of the items. Items of one call are taken or refused together, but may go to several batches.
   * Given up, items that still wait leave the queue; those at work are finished, and their results dropped.
   * @throws BeitError `server/queue-full`, `server/timeout`, `request/aborted`; what `run` throws
   */
  submit(items: readonly Item[], options?: SubmitOptions): Promise<Result[]>;
  /** Items that wait. */
  readonly waiting: number;
  /** Milliseconds until an item submitted now would be answered, by what recent batches took. */
  readonly expectedMs: number;
  /**
   * Keeps a place in the queue until the returned function is called.
   * @throws BeitError `server/queue-full`
   */
  reserve(): () => void;
}

interface Submission<Result> {
  accept(index: number, result: Result): void;
  fail(error: unknown): void;
}

interface Entry<Item, Result> {
  readonly item: Item;
  readonly index: number;
  readonly arrived: number;
  readonly submission: Submission<Result>;
}

const MEMORY = 0.8; // weight of the past in the running mean of what an item takes

/** A batcher with an empty queue. */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { clock, maxBatch, windowMs, maxQueue, workers } = options;
  let queue: Entry<Item, Result>[] = [];
  let atWork = 0; // batches
  let itemsAtWork = 0;
  let itemMs = 0;
  let disarm: (() => void) | undefined;
  let reserved = 0;

  /** Starts what may start: full batches up to one ready behind each worker, smaller ones when their window is over. */
  function pump(): void {
    disarm?.();
    disarm = undefined;
    const most = workers > 1 && clock.busy() ? workers - 1 : 2 * workers;
    while (queue.length > 0 && atWork < most) {
      if (queue.length < maxBatch) {
        if (atWork >= workers) return; // the next worker to finish takes what has come by then
        const wait = queue[0]!.arrived + windowMs - clock.now();
        if (wait > 0) {
          disarm = clock.after(wait, pump);
          return;
        }
      }
      void work(queue.splice(0, maxBatch));
    }
  }

  async function work(batch: readonly Entry<Item, Result>[]): Promise<void> {
    const started = clock.now();
    atWork++;
    itemsAtWork += batch.length;
    try {
      const results = await options.run(batch.map(({ item }) => item));
      for (const [i, { submission, index }] of batch.entries()) submission.accept(index, results[i]!);
    } catch (error) {
      for (const { submission } of batch) submission.fail(error);
    }
    atWork--;
    itemsAtWork -= batch.length;
    const tookMs = clock.now() - started;
    const each = tookMs / batch.length / workers;
    itemMs = itemMs === 0 ? each : MEMORY * itemMs + (1 - MEMORY) * each;
    options.onBatch?.({ size: batch.length, waitedMs: started - batch[0]!.arrived, tookMs });
    pump();
  }

  function requireRoom(count: number): void {
    const waiting = queue.length + reserved;
    if (waiting + count <= maxQueue) return;
    const message = `${waiting} pictures are waiting, the limit is ${maxQueue}: try again later`;
    throw new BeitError("server/queue-full", message);
  }

  function reserve(): () => void {
    requireRoom(1);
    reserved++;
    let isHeld = true;
    return () => {
      if (isHeld) reserved--;
      isHeld = false;
    };
  }

  function leave(submission: Submission<Result>): void {
    queue = queue.filter((entry) => entry.submission !== submission);
    pump();
  }

  async function submit(items: readonly Item[], { signal, deadline }: SubmitOptions = {}): Promise<Result[]> {
    const arrived = clock.now();
    if (signal?.aborted) throw aborted();
    if (deadline !== undefined && deadline <= arrived) throw timedOut();
    if (items.length === 0) return [];
    requireRoom(items.length);
    return new Promise<Result[]>((resolve, reject) => {
      const results: Result[] = [];
      let missing = items.length;
      const end = () => {
        cancelDeadline?.();
        signal?.removeEventListener("abort", onAbort);
      };
      const submission: Submission<Result> = {
        accept(index, result) {
          results[index] = result;
          if (--missing > 0) return;
          end();
          resolve(results);
        },
        fail(error) {
          end();
          reject(error as Error);
          leave(submission);
        },
      };
      const onAbort = () => submission.fail(aborted());
      signal?.addEventListener("abort", onAbort);
      const cancelDeadline =
        deadline === undefined ? undefined : clock.after(deadline - arrived, () => submission.fail(timedOut()));
      for (const [index, item] of items.entries()) queue.push({ item, index, arrived, submission });
      pump();
    });
  }

  return {
    submit,
    reserve,
    get waiting() {
      return queue.length;
    },
    get expectedMs() {
      return (queue.length + reserved + itemsAtWork + 1) * itemMs;
    },
  };
}

const aborted = () => new BeitError("request/aborted", "the client went away before the answer");
const timedOut = () => new BeitError("server/timeout", "the answer took longer than the time limit: try again later");
