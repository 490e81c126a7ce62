import { afterEach, describe, expect, it } from "vitest";
import { add, greater, mul } from "../graph/elementwise.ts";
import { argMax } from "../graph/indexing.ts";
import { slice } from "../graph/layout.ts";
import { input, scalar, type Value } from "../graph/value.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { createEngine, type EngineSession } from "./engine.ts";
import { startWorkers } from "./threads.ts";

// What this project relies on and onnxruntime-node does not promise: a new version must pass here first.

const open: EngineSession[] = [];
afterEach(async () => {
  for (const session of open.splice(0)) await session.release();
});

const bytesOf = (outputs: Readonly<Record<string, Value>>) => encodeModel(toModel(outputs));
async function compile(outputs: Readonly<Record<string, Value>>): Promise<EngineSession> {
  const session = await createEngine(bytesOf(outputs), { threads: 1 });
  open.push(session);
  return session;
}

const x = input("x", [4], "batch");
const sum = input("sum", [4], "batch");
const tensor = (data: Float32Array<ArrayBufferLike>): Tensor => ({ dtype: "float32", shape: [data.length], data });
const of = (...values: number[]) => tensor(Float32Array.from(values));
const numbers = ({ data }: Tensor) => Array.from(data as Float32Array);

describe("outputs given in advance", () => {
  it("are written in place", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    const y = of(0, 0, 0, 0);
    const results = await session.run({ x: of(1, 2, 3, 4) }, { y });
    expect(numbers(y)).toEqual([2, 4, 6, 8]);
    expect(results.y).toBe(y);
  });

  it("may lie in the middle of a buffer, and leave what is around them", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    const whole = new Float32Array(8).fill(-1);
    await session.run(
      { x: tensor(Float32Array.of(9, 1, 2, 3, 4, 9).subarray(1, 5)) },
      { y: tensor(whole.subarray(2, 6)) },
    );
    expect(Array.from(whole)).toEqual([-1, -1, 2, 4, 6, 8, -1, -1]);
  });

  it("may be the inputs themselves: the graph accumulates", async () => {
    const session = await compile({ new_sum: add(sum, x), twice: mul(x, scalar(2)) });
    const total = of(100, 200, 300, 400);
    for (let i = 0; i < 3; i++) await session.run({ x: of(1, 2, 3, 4), sum: total }, { new_sum: total });
    expect(numbers(total)).toEqual([103, 206, 309, 412]);
  });

  it("may be some of them; the others come as new tensors", async () => {
    const session = await compile({ y: mul(x, scalar(2)), z: add(x, scalar(1)) });
    const y = of(0, 0, 0, 0);
    const first = await session.run({ x: of(1, 2, 3, 4) }, { y });
    const second = await session.run({ x: of(5, 6, 7, 8) }, { y });
    expect([numbers(first.z!), numbers(second.z!), numbers(y)]).toEqual([
      [2, 3, 4, 5],
      [6, 7, 8, 9],
      [10, 12, 14, 16],
    ]);
  });

  it("of another size are an error, not a truncation", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    await expect(session.run({ x: of(1, 2, 3, 4) }, { y: of(0, 0) })).rejects.toThrow(
      /invalid dimensions for output: y/i,
    );
  });
});

describe("inputs", () => {
  it("in shared memory are rejected, so each thread keeps a copy", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    const shared = new Float32Array(new SharedArrayBuffer(16));
    await expect(session.run({ x: tensor(shared) })).rejects.toThrow();
    await expect(session.run({ x: of(1, 2, 3, 4) }, { y: tensor(shared) })).rejects.toThrow();
  });

  it("in WebAssembly memory are read in place", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    const { WebAssembly: wasm } = globalThis as unknown as {
      WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };
    };
    const memory = new wasm.Memory({ initial: 1 });
    const view = new Float32Array(memory.buffer, 64, 4);
    view.set([1, 2, 3, 4]);
    expect(numbers((await session.run({ x: tensor(view) })).y!)).toEqual([2, 4, 6, 8]);
  });

  it("are not copied: a large one costs no memory beside itself", async () => {
    const megabytes = 64;
    const shape = [megabytes * 256, 1024];
    const session = await compile({ y: slice(input("x", shape, "batch"), 0, 0, 1) });
    const large: Tensor = { dtype: "float32", shape, data: new Float32Array(megabytes * 256 * 1024).fill(1) };
    const before = process.resourceUsage().maxRSS; // kB; the input is already counted
    await session.run({ x: large });
    expect((process.resourceUsage().maxRSS - before) / 1024).toBeLessThan(megabytes / 2);
  });

  it("of half precision are refused before they are misread", async () => {
    const session = await compile({ y: mul(x, scalar(2)) });
    const half: Tensor = { dtype: "float16", shape: [4], data: new Uint16Array(4) };
    await expect(session.run({ x: half })).rejects.toThrow("float16 tensors are converted to float32");
  });

  it("that are missing are named", async () => {
    const session = await compile({ y: add(x, sum) });
    await expect(session.run({ x: of(1, 2, 3, 4) })).rejects.toThrow(/sum/);
  });
});

it("results carry dtype and shape, integers and booleans too", async () => {
  const wide = input("wide", [2, 3], "batch");
  const session = await compile({
    index: argMax(wide),
    larger: greater(wide, scalar(0)),
    doubled: mul(wide, scalar(2)),
  });
  expect([session.inputNames, session.outputNames]).toEqual([["wide"], ["index", "larger", "doubled"]]);
  const results = await session.run({ wide: float32([1, 3, 2, -1, -3, 0], [2, 3]) });
  expect(results.index).toEqual({ dtype: "int64", shape: [2], data: BigInt64Array.of(1n, 2n) });
  expect(results.larger).toEqual({ dtype: "bool", shape: [2, 3], data: Uint8Array.of(1, 1, 1, 0, 0, 0) });
  expect(results.doubled).toEqual(float32([2, 6, 4, -2, -6, 0], [2, 3]));
});

describe("a model that onnxruntime refuses", () => {
  const broken = { ...toModel({ y: mul(x, scalar(2)) }) };
  it.each<[string, () => Uint8Array | string, RegExp]>([
    ["bytes that are no model", () => Uint8Array.of(1, 2, 3), /^the graph: onnxruntime cannot run it: .+/],
    [
      "an operator that does not exist",
      () =>
        encodeModel({
          ...broken,
          graph: { ...broken.graph, nodes: [{ ...broken.graph.nodes[0]!, opType: "Nonsense" }] },
        }),
      /Nonsense/,
    ],
    ["a file that does not exist", () => "no/such/model.onnx", /^no\/such\/model\.onnx: onnxruntime cannot run it: .+/],
  ])("%s: the error says why", async (_, model, message) => {
    await expect(createEngine(model())).rejects.toMatchObject({
      name: "BeitError",
      code: "engine/rejected",
      message: expect.stringMatching(message),
    });
  });
});

it("two sessions run in two threads at once", async () => {
  const wide = input("x", [65536], "batch");
  const model = bytesOf({ y: add(mul(wide, scalar(0.5)), scalar(1)) });
  const workers = await startWorkers<{ x: Float32Array; times: number }, Float32Array>(
    "../test/fixtures/workers/engine",
    2,
    { model },
  );
  try {
    const starts = [0, 8];
    const answers = await Promise.all(
      starts.map((start, i) => workers.request(i, { x: new Float32Array(65536).fill(start), times: 10 })),
    );
    // x ← x/2 + 1 ten times: 2 + (x − 2) / 1024
    for (const [i, start] of starts.entries()) {
      expect(new Set(answers[i])).toEqual(new Set([Math.fround(2 + (start - 2) / 1024)]));
    }
  } finally {
    await workers.close();
  }
});
