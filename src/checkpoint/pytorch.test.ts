import { describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { parsePytorch, unwrap } from "./pytorch.ts";
import { materialize, type Storage, type StoredTensor, storageSource, storedTensor } from "./stored.ts";

const storage = (length: number, start = 0): Storage => ({
  kind: "storage",
  dtype: "float32",
  key: "0",
  length,
  start,
});
const memory = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const tensor = (shape: unknown, strides: unknown, offset: unknown = 0, length = 6) =>
  storedTensor(storage(length), offset, shape, strides, "m");

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${(error as BeitError).code} | ${(error as BeitError).message}`;
  }
  return "none";
}

describe("storedTensor", () => {
  it.each([
    [[2, 3], [3, 1], 0],
    [[3, 2], [1, 3], 0],
    [[5], [1], 1],
    [[], [], 5],
    [[0, 2 ** 40], [1, 1], 99],
    [[2 ** 40], [0], 0],
  ])("takes shape %j, strides %j from %j in 6 elements", (shape, strides, offset) => {
    expect(tensor(shape, strides, offset)).toMatchObject({ shape, strides, offset });
  });

  it.each([
    [[2, 3], [3, 1], 1, "reaches element 6 of 6"],
    [[2], [2 ** 53 - 1], 0, "reaches element 9007199254740991 of 6"],
    [[], [], 6, "reaches element 6 of 6"],
    [[2 ** 30, 2 ** 30], [1, 1], 0, "exact product"],
    [[-1], [1], 0, "exact product"],
    [[2], [-1], 5, "strides [-1] are not 1 non-negative integers"],
    [[2], [1, 1], 0, "strides"],
    [[2], [1], -1, "offset -1"],
    [null, [1], 0, "shape null"],
    [Array(33).fill(1), Array(33).fill(1), 0, "exact product"],
  ])("refuses shape %j, strides %j from %j", (shape, strides, offset, reason) => {
    expect(code(() => tensor(shape, strides, offset))).toMatch(
      /^checkpoint\/bad-tensor \| m: a tensor in storage "0": /,
    );
    expect(code(() => tensor(shape, strides, offset))).toContain(reason);
  });
});

describe("materialize", () => {
  it("looks into the file for rows in order and copies other strides", () => {
    const bytes = memory(0, 1, 2, 3, 4, 5);
    const source = storageSource(bytes, "m");
    const shared = storage(6);
    const rows = materialize(storedTensor(shared, 3, [1, 3], [99, 1], "m"), source);
    const columns = materialize(storedTensor(shared, 0, [3, 2], [1, 3], "m"), source);
    expect(rows).toEqual({ dtype: "float32", shape: [1, 3], data: Float32Array.of(3, 4, 5) });
    expect(rows.data.buffer).toBe(bytes.buffer);
    expect(columns).toEqual({ dtype: "float32", shape: [3, 2], data: Float32Array.of(0, 3, 1, 4, 2, 5) });
  });

  it("walks any number of axes", () => {
    const source = storageSource(memory(...Array.from({ length: 24 }, (_, i) => i)), "m");
    const data = materialize(storedTensor(storage(24), 1, [2, 2, 3], [1, 12, 4], "m"), source).data;
    expect([...data]).toEqual([1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22]);
  });

  it("refuses to unfold a small file into a large memory", () => {
    const source = storageSource(memory(1), "m");
    expect(code(() => materialize(tensor([2 ** 40], [0], 0, 1), source))).toContain(
      "checkpoint/too-large | m: its tensors would take over 32 bytes",
    );
    const again = storageSource(memory(1, 2, 3, 4), "m");
    const transposed = () => materialize(storedTensor(storage(4), 0, [2, 2], [1, 2], "m"), again);
    for (let i = 0; i < 8; i++) transposed();
    expect(code(transposed)).toContain("checkpoint/too-large");
  });

  it("copies a storage that is not aligned once for all its tensors", () => {
    const bytes = new Uint8Array(13);
    bytes.set(memory(1, 2, 3), 1);
    const source = storageSource(bytes, "m");
    const shared = storage(3, 1);
    const [a, b] = [0, 1].map((offset) => materialize(storedTensor(shared, offset, [2], [1], "m"), source));
    expect([a!.data, b!.data]).toEqual([Float32Array.of(1, 2), Float32Array.of(2, 3)]);
    expect(a!.data.buffer).toBe(b!.data.buffer);
  });
});

describe("unwrap", () => {
  const one: StoredTensor = tensor([1], [1]);
  const names = (content: unknown) => [...unwrap(content, "m").keys()];
  const dict = (...keys: string[]) => new Map<unknown, unknown>(keys.map((key) => [key, one]));

  it.each([
    ["a state dict", dict("a", "b"), ["a", "b"]],
    ["values that are no tensors", new Map<unknown, unknown>([...dict("a"), ["epoch", 3], [1, one]]), ["a"]],
    [
      "model",
      new Map<unknown, unknown>([
        ["epoch", 1],
        ["model", dict("a")],
      ]),
      ["a"],
    ],
    ["module", new Map([["module", dict("a")]]), ["a"]],
    [
      "state_dict with a backbone",
      new Map([["state_dict", dict("backbone.a", "decode_head.b")]]),
      ["a", "decode_head.b"],
    ],
    ["a distributed model", dict("module.a", "module.backbone.b"), ["a", "b"]],
    ["a module called module", dict("module.a", "b"), ["module.a", "b"]],
  ])("opens %s", (_, content, expected) => expect(names(content)).toEqual(expected));

  it.each([
    ["a number", 3, "found no dict"],
    ["an empty dict", new Map(), "found keys []"],
    ["a dict of other things", new Map([["epoch", 3]]), 'found keys ["epoch"]'],
  ])("refuses %s", (_, content, reason) => expect(code(() => unwrap(content, "m"))).toContain(reason));

  it("refuses two tensors that the prefix alone tells apart", () => {
    expect(code(() => unwrap(dict("a", "backbone.a"), "m"))).toContain("checkpoint/bad-tensor");
  });
});

describe("parsePytorch", () => {
  it.each([
    ["nothing", ""],
    ["text", "hello"],
    ["safetensors", "\x02\0\0\0\0\0\0\0{}"],
  ])("refuses %s", (_, text) =>
    expect(code(() => parsePytorch(Buffer.from(text), "m"))).toContain("checkpoint/not-pytorch | m: is neither"),
  );

  it("refuses to make one list a dictionary again and again", () => {
    const list = `]q\0(${"K\x01K\x02\x86".repeat(1000)}e0`; // 1,000 pairs, remembered
    const made = (times: number) =>
      Buffer.from(`\x80\x02${list}${"ccollections\nOrderedDict\nh\0\x85R0".repeat(times)}N.`, "latin1");
    const reason = (times: number) => code(() => parsePytorch(made(times), "m"));
    expect(reason(20)).toContain("m: makes dictionaries of more entries than it has bytes");
    expect(reason(1)).not.toContain("dictionaries");
  });

  it("refuses a pickle that is not of torch.save", () => {
    expect(code(() => parsePytorch(Buffer.from("\x80\x02K\x01.", "latin1"), "m"))).toContain("checkpoint/not-pytorch");
  });
});
