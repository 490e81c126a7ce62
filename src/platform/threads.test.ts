import { afterEach, expect, test } from "vitest";
import { startWorkers, type Workers } from "./threads.ts";

interface Ask {
  act: string;
  value?: unknown;
  delayMs?: number;
}

const entry = "../test/fixtures/workers/echo";
const shared = new SharedArrayBuffer(4);
let workers: Workers<Ask, unknown> | undefined;
const start = async (count: number, data: object = {}) => {
  workers = await startWorkers<Ask, unknown>(entry, count, { shared, offset: 5, ...data });
  return workers;
};
afterEach(() => workers?.close());

test("each request gets its own answer, whatever the order of answers", async () => {
  const pool = await start(2);
  const delays = [60, 0, 30, 10];
  const answers = await Promise.all(
    delays.map((delayMs, i) => pool.request(i % 2, { act: "echo", value: i, delayMs })),
  );
  expect(answers).toEqual([0, 1, 2, 3].map((value) => ({ value, offset: 5 })));
});

test("shared memory is shared, transferred buffers move", async () => {
  const pool = await start(2);
  await Promise.all([pool.request(0, { act: "add", value: 3 }), pool.request(1, { act: "add", value: 4 })]);
  expect(new Int32Array(shared)[0]).toBe(7);
  const sent = Float32Array.of(1, 2);
  expect(await pool.request(0, { act: "double", value: sent }, [sent.buffer])).toEqual(Float32Array.of(2, 4));
  expect(sent.length).toBe(0);
});

test("a handler's error comes back with its code, and the thread goes on", async () => {
  const pool = await start(1);
  await expect(pool.request(0, { act: "refuse", value: "a.jpg" })).rejects.toMatchObject({
    name: "BeitError",
    code: "image/not-an-image",
    message: "a.jpg: not a picture",
  });
  await expect(pool.request(0, { act: "bug" })).rejects.toThrow(/undefined/);
  await expect(pool.request(0, { act: "echo", value: 1 })).resolves.toEqual({ value: 1, offset: 5 });
});

test.each([
  ["exit", /echo 1 of 1.*exit code 7/],
  ["throw-outside", /echo 1 of 1.*outside any request/],
])("a thread that dies (%s) rejects what is open and what comes later", async (act, reason) => {
  const pool = await start(1);
  const open = pool.request(0, { act: "never" });
  open.catch(() => undefined);
  await expect(pool.request(0, { act })).rejects.toMatchObject({
    code: "thread/died",
    message: expect.stringMatching(reason),
  });
  await expect(open).rejects.toMatchObject({ code: "thread/died" });
  await expect(pool.request(0, { act: "echo" })).rejects.toMatchObject({ code: "thread/died" });
});

test("closing rejects what is open", async () => {
  const pool = await start(2);
  const open = pool.request(1, { act: "never" });
  const rejected = expect(open).rejects.toMatchObject({ code: "thread/closed" });
  await pool.close();
  await rejected;
});

test("a worker that cannot start says why", async () => {
  await expect(start(2, { failAtStart: true })).rejects.toMatchObject({
    code: "thread/not-started",
    message: expect.stringContaining("no licence"),
  });
  await expect(startWorkers("dataset/no-such-worker", 1, {})).rejects.toMatchObject({ code: "thread/not-started" });
});

test("a request to a worker that does not exist is a bug of the caller", async () => {
  const pool = await start(1);
  expect(() => pool.request(1, { act: "echo" })).toThrow(RangeError);
});
