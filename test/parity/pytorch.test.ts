import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stateDict } from "../../src/checkpoint/modules.ts";
import type { PickleRecord } from "../../src/checkpoint/pickle.ts";
import { parsePytorch } from "../../src/checkpoint/pytorch.ts";
import type { BeitError } from "../../src/platform/errors.ts";
import { asFloat32 } from "../../src/tensor/half.ts";

const load = (file: string) => new Uint8Array(readFileSync(new URL(`../fixtures/pytorch/${file}`, import.meta.url)));
const parse = (file: string, bytes: Uint8Array = load(file)) => parsePytorch(bytes, file);

/** What make.py puts in: start -3, step 0.5 (0.25 for the window). */
const ramp = (length: number, step = 0.5) => Array.from({ length }, (_, i) => i * step - 3);

function outcome(file: string, bytes?: Uint8Array): string {
  try {
    parse(file, bytes);
    return "read";
  } catch (error) {
    return `${(error as BeitError).code} | ${(error as BeitError).message}`;
  }
}

describe.each(["state_dict.bin", "legacy.bin"])("torch.save's %s", (file) => {
  const tensors = parse(file);

  it.each([
    ["plain.weight", "float32", [3, 4], ramp(12)],
    ["transposed.weight", "float32", [4, 3], [-3, -1, 1, -2.5, -0.5, 1.5, -2, 0, 2, -1.5, 0.5, 2.5]],
    ["window", "float32", [2, 3], ramp(10, 0.25).slice(2, 8)],
    ["column", "float32", [3], [-2.5, -0.5, 1.5]],
    ["double", "float64", [3], ramp(3)],
    ["relative_position_index", "int64", [2, 2], [-1n, 2n, 2n ** 40n, -(2n ** 62n)]],
    ["int32", "int32", [2], [1, -(2 ** 31)]],
    ["uint8", "uint8", [2], [0, 255]],
    ["int8", "int8", [2], [-128, 127]],
    ["bool", "bool", [3], [1, 0, 1]],
    ["scalar", "float32", [], [2.5]],
    ["empty", "float32", [0, 3], []],
    ["parameter", "float32", [4], ramp(4)],
    ["expanded", "float32", [3], [7, 7, 7]],
  ])("%s", (name, dtype, shape, values) => {
    const tensor = tensors.get(name)!;
    expect([tensor.dtype, tensor.shape, [...tensor.data]]).toEqual([dtype, shape, values]);
  });

  it.each(["half", "brain"])("%s precision", (name) => {
    expect([...asFloat32(tensors.get(name)!).data]).toEqual(ramp(5));
  });

  it("has the order of the file", () => {
    expect([...tensors.keys()].slice(0, 3)).toEqual(["plain.weight", "transposed.weight", "window"]);
    expect(tensors.size).toBe(16);
  });

  it("refuses every cut", () => {
    const bytes = load(file);
    for (let length = 0; length < bytes.length; length++)
      expect(outcome(file, bytes.slice(0, length))).toMatch(/^checkpoint\//);
  });

  it("reads or refuses a file with any byte changed, and never fails otherwise", () => {
    const bytes = load(file);
    for (let at = 0; at < bytes.length; at++) {
      for (const change of [1, 0x80, 0xff])
        expect(outcome(file, bytes.with(at, bytes[at]! ^ change))).toMatch(/^(read$|checkpoint\/)/);
    }
  });
});

describe("checkpoints around a state dict", () => {
  it("unilm: model beside optimizer, epoch and an argparse.Namespace", () => {
    const tensors = parse("nested.pth");
    expect([...tensors.keys()]).toEqual(["cls_token", "norm.weight"]);
    expect(tensors.get("cls_token")).toMatchObject({ shape: [1, 1, 4], data: Float32Array.from(ramp(4)) });
  });

  it("mmsegmentation: state_dict with a backbone", () => {
    expect([...parse("backbone.pth").keys()]).toEqual(["cls_token", "decode_head.bias"]);
  });

  it("DistributedDataParallel: every name with module.", () => {
    expect([...parse("distributed.pth").keys()]).toEqual(["a", "b"]);
  });
});

describe("DALL-E's encoder as a whole module", () => {
  const file = "../dall_e/encoder.pkl";

  it("has the names of its state dict, in order", () => {
    const names = [...parse(file).keys()];
    expect(names).toHaveLength(42);
    expect(names.slice(0, 4)).toEqual([
      "blocks.input.w",
      "blocks.input.b",
      "blocks.group_1.block_1.res_path.conv_1.w",
      "blocks.group_1.block_1.res_path.conv_1.b",
    ]);
    expect(names.slice(10, 11)).toEqual(["blocks.group_2.block_1.id_path.w"]);
  });

  it("is read or refused with bytes changed or cut off, and never fails otherwise", () => {
    const bytes = load(file);
    for (let at = 0; at < bytes.length; at += 97) {
      expect(outcome(file, bytes.with(at, bytes[at]! ^ 0x41))).toMatch(/^(read$|checkpoint\/)/);
      expect(outcome(file, bytes.slice(0, at))).toMatch(/^checkpoint\//);
    }
  });
});

describe("modules of a small file that ask for endless work", () => {
  const record = (parts: Map<unknown, unknown>): PickleRecord => ({
    kind: "record",
    name: "torch.nn.modules.container.Sequential",
    state: new Map([
      ["_parameters", new Map()],
      ["_modules", parts],
    ]),
  });

  it("are refused: a part of itself, a part used twice, very many levels", () => {
    const parts = new Map<unknown, unknown>();
    const cycle = record(parts);
    parts.set("self", cycle);
    const leaf = record(new Map());
    const shared = record(
      new Map([
        ["a", leaf],
        ["b", leaf],
      ]),
    );
    let deep = leaf;
    for (let i = 0; i < 100; i++) deep = record(new Map([["x", deep]]));
    for (const module of [cycle, shared, deep]) {
      expect(() => stateDict(module, "m")).toThrow("repeats or is too deep");
    }
    expect(() => stateDict({ ...leaf, state: new Map() }, "m")).toThrow("has no dict _parameters");
  });
});

describe("pickles that want to run something", () => {
  it.each([
    ["evil_os_system.bin", "checkpoint/forbidden-global | evil_os_system.bin: its pickle refers to posix.system,"],
    ["evil_eval.bin", "checkpoint/forbidden-global | evil_eval.bin: its pickle refers to __builtin__.eval,"],
    ["module.pkl", "checkpoint/forbidden-global | module.pkl: its pickle refers to torch.nn.modules.linear.Linear,"],
    [
      "compressed.pth",
      'checkpoint/compressed-entry | compressed.pth: entry "distributed/data.pkl" is compressed (method 8)',
    ],
  ])("%s is refused by name", (file, message) => expect(outcome(file)).toContain(message));
});
