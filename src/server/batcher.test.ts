import { describe, expect, it } from "vitest";
import { type BatcherOptions, createBatcher } from "./batcher.ts";
import type { Clock } from "./clock.ts";

/** A clock that stands still until it is told to go on. */
function handClock() {
  let time = 0;
  let busy = false;
  let alarms: { at: number; task: () => void }[] = [];
  const clock: Clock = {
    now: () => time,
    busy: () => busy,
    after(ms, task) {
      const alarm = { at: time + ms, task };
      alarms.push(alarm);
      return () => {
        alarms = alarms.filter((other) => other !== alarm);
      };
    },
  };
  async function pass(ms: number) {
    const end = time + ms;
    for (;;) {
      const next = alarms.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      time = next.at;
      alarms = alarms.filter((other) => other !== next);
      next.task();
      await settle();
    }
    time = end;
    await settle();
  }
  return { clock, pass, pending: () => alarms.length, setBusy: (value: boolean) => (busy = value) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A batcher whose batches end when the test says so; results are the items in capitals. */
function bench(options: Partial<BatcherOptions<string, string>> = {}) {
  const { clock, pass, pending, setBusy } = handClock();
  const batches: { items: string; finish(): Promise<unknown>; fail(error: Error): Promise<unknown> }[] = [];
  const batcher = createBatcher<string, string>({
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({
          items: items.join(""),
          finish() {
            resolve(items.map((item) => item.toUpperCase()));
            return settle();
          },
          fail(error) {
            reject(error);
            return settle();
          },
        });
      }),
    clock,
    maxBatch: 4,
    windowMs: 3,
    maxQueue: 6,
    workers: 1,
    ...options,
  });
  return { batcher, batches, pass, pending, setBusy, seen: () => batches.map(({ items }) => items) };
}

const code = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );

describe("createBatcher", () => {
  it("waits a window for others, no longer", async () => {
    const { batcher, batches, pass, seen } = bench();
    const first = batcher.submit(["a"]);
    await pass(2);
    const second = batcher.submit(["b"]);
    expect(seen()).toEqual([]);
    await pass(1);
    expect(seen()).toEqual(["ab"]);
    await batches[0]!.finish();
    expect(await Promise.all([first, second])).toEqual([["A"], ["B"]]);
  });

  it("does not wait when a batch is full, and keeps one full batch ready behind the worker", async () => {
    const { batcher, batches, pass, seen } = bench({ maxQueue: 100 });
    const answers = ["abcd", "efgh", "ijkl", "mn"].map((items) => batcher.submit([...items]));
    expect(seen()).toEqual(["abcd", "efgh"]);
    expect(batcher.waiting).toBe(6);
    await batches[0]!.finish();
    expect(seen()).toEqual(["abcd", "efgh", "ijkl"]);
    await batches[1]!.finish();
    await pass(10);
    expect(seen()).toHaveLength(3); // "mn" is no full batch, and the worker is busy
    await batches[2]!.finish();
    expect(seen()[3]).toBe("mn");
    await batches[3]!.finish();
    expect(await Promise.all(answers)).toEqual(["ABCD", "EFGH", "IJKL", "MN"].map((items) => [...items]));
  });

  it("leaves one worker unused, of several, while its own thread is busy", async () => {
    const { batcher, batches, setBusy, seen } = bench({ workers: 2, maxQueue: 100 });
    setBusy(true);
    const answers = ["abcd", "efgh", "ijkl"].map((items) => batcher.submit([...items]));
    expect(seen()).toEqual(["abcd"]);
    await batches[0]!.finish();
    expect(seen()).toEqual(["abcd", "efgh"]);
    setBusy(false);
    await batches[1]!.finish();
    await batches[2]!.finish();
    expect((await Promise.all(answers)).flat().join("")).toBe("ABCDEFGHIJKL");
  });

  it("cuts one call into batches and joins calls in one batch", async () => {
    const { batcher, batches, pass, seen } = bench();
    const long = batcher.submit([..."abcdef"]);
    const short = batcher.submit(["z"]);
    expect(seen()).toEqual(["abcd"]);
    await batches[0]!.finish();
    await pass(3);
    expect(seen()).toEqual(["abcd", "efz"]);
    await batches[1]!.finish();
    expect(await long).toEqual([..."ABCDEF"]);
    expect(await short).toEqual(["Z"]);
  });

  it("takes all items of a call or none", async () => {
    const { batcher, batches } = bench();
    void batcher.submit([..."abcd"]);
    void batcher.submit([..."efgh"]); // stands ready
    void batcher.submit([..."ijk"]);
    expect(await code(batcher.submit([..."lmno"]))).toBe("server/queue-full");
    expect(batcher.waiting).toBe(3);
    await batches[0]!.finish();
  });

  it("keeps a place for an item that is still on its way", async () => {
    const { batcher, batches } = bench();
    for (const items of ["abcd", "efgh", "ijk"]) void batcher.submit([...items]); // three wait, of six
    const places = [batcher.reserve(), batcher.reserve(), batcher.reserve()];
    expect(() => batcher.reserve()).toThrow("6 pictures are waiting, the limit is 6");
    expect(await code(batcher.submit(["z"]))).toBe("server/queue-full");
    places[0]!();
    places[0]!(); // given back once
    void batcher.submit(["l"]);
    expect(await code(batcher.submit(["z"]))).toBe("server/queue-full");
    expect(batcher.waiting).toBe(4);
    await batches[0]!.finish();
  });

  it("forgets items whose asker went away, but finishes what is at work", async () => {
    const { batcher, batches, pass, seen } = bench();
    const [early, late] = [new AbortController(), new AbortController()];
    const working = batcher.submit(["a"], { signal: early.signal });
    await pass(3);
    const waiting = code(batcher.submit(["b"], { signal: late.signal }));
    const other = batcher.submit(["c"]);
    late.abort();
    early.abort();
    expect(await waiting).toBe("request/aborted");
    expect(await code(working)).toBe("request/aborted");
    await batches[0]!.finish();
    await pass(3);
    expect(seen()).toEqual(["a", "c"]);
    await batches[1]!.finish();
    expect(await other).toEqual(["C"]);
    expect(await code(batcher.submit(["d"], { signal: late.signal }))).toBe("request/aborted");
  });

  it("gives up at the deadline, in the queue and at work", async () => {
    const { batcher, batches, pass, pending } = bench();
    const working = code(batcher.submit(["a"], { deadline: 50 }));
    await pass(3);
    const waiting = code(batcher.submit(["b"], { deadline: 20 }));
    await pass(17);
    expect(await waiting).toBe("server/timeout");
    expect(batcher.waiting).toBe(0);
    await pass(30);
    expect(await working).toBe("server/timeout");
    await batches[0]!.finish();
    expect(await code(batcher.submit(["c"], { deadline: 50 }))).toBe("server/timeout");
    expect(pending()).toBe(0);
  });

  it("tells everybody of a batch that failed and goes on", async () => {
    const { batcher, batches, pass } = bench();
    const failed = [batcher.submit(["a"]), batcher.submit(["b"])].map(code);
    await pass(3);
    await batches[0]!.fail(new Error("engine broke"));
    expect(await Promise.all(failed)).toEqual(["engine broke", "engine broke"]);
    const next = batcher.submit(["c"]);
    await pass(3);
    await batches[1]!.finish();
    expect(await next).toEqual(["C"]);
  });

  it("expects what recent batches took", async () => {
    const seen: unknown[] = [];
    const { batcher, batches, pass } = bench({ onBatch: (batch) => seen.push(batch) });
    expect(batcher.expectedMs).toBe(0);
    void batcher.submit([..."abcd"]);
    void batcher.submit([..."ef"]);
    await pass(40);
    await batches[0]!.finish();
    expect(seen).toEqual([{ size: 4, waitedMs: 0, tookMs: 40 }]);
    expect(batcher.expectedMs).toBe(30); // 10 ms each: "ef" at work and one more
  });
});
