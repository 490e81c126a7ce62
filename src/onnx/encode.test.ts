import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DType, sizeOf } from "../tensor/tensor.ts";
import { decodeModel } from "./decode.ts";
import { encodeModel, encodeModelParts } from "./encode.ts";
import type { AttributeProto, ModelProto, TensorProto } from "./schema.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const int64Bytes = (...values: bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);
const int = (name: string, value: number): AttributeProto => ({ name, type: "int", value });
const float = (name: string, value: number): AttributeProto => ({ name, type: "float", value: Math.fround(value) });
const tensor = (name: string, dtype: DType, dims: number[], raw: Uint8Array): TensorProto => ({
  name,
  dtype,
  dims,
  raw,
});

/** The model of odd values that test/fixtures/onnx/make.py writes with onnx's own classes. */
const awkward: ModelProto = {
  irVersion: 8,
  producerName: "Ünïcode ∑ 模型",
  opsets: [
    { domain: "", version: 18 },
    { domain: "com.microsoft", version: 1 },
  ],
  metadata: Object.fromEntries([
    ["", ""],
    ["__proto__", "a key like any other"],
    ["emoji 😷", "line\nbreak\0nul"],
  ]),
  graph: {
    name: "",
    nodes: [
      {
        opType: "Made Up",
        domain: "com.microsoft",
        inputs: ["x", "", "😷"],
        outputs: ["y"],
        attributes: [
          int("negative", -1),
          int("most", Number.MAX_SAFE_INTEGER),
          int("least", Number.MIN_SAFE_INTEGER),
          int("2^31", 2 ** 31),
          int("2^32", 2 ** 32),
          int("zero", 0),
          float("inf", Number.POSITIVE_INFINITY),
          float("-inf", Number.NEGATIVE_INFINITY),
          float("-0", -0),
          float("tiny", 1.401298464324817e-45), // the smallest float32 above 0
          float("third", 1 / 3),
          { name: "text", type: "string", value: "größer\0" },
          { name: "nothing", type: "string", value: "" },
          { name: "list", type: "ints", value: [0, -1, 2 ** 40, -(2 ** 40), 127, 128] },
          { name: "empty list", type: "ints", value: [] },
        ],
      },
      { opType: "Empty", domain: "", inputs: [], outputs: [], attributes: [] },
    ],
    initializers: [
      tensor("scalar", "float32", [], bytes(0x00, 0x00, 0xc0, 0x7f)), // NaN
      tensor("extremes", "int64", [2, 2], int64Bytes(-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n)),
      tensor("none", "float32", [3, 0, 2 ** 40], bytes()),
      tensor("bools", "bool", [3], bytes(1, 0, 1)),
      tensor("halves", "float16", [1, 2], bytes(0x00, 0x3c, 0x00, 0x80)),
    ],
    inputs: [
      { name: "x", dtype: "float32", dims: ["batch", 3, 2 ** 33] },
      { name: "s", dtype: "float32", dims: [] },
    ],
    outputs: [{ name: "y", dtype: "float32", dims: ["2*batch", 0] }],
  },
};

/** Weights come back as views of whatever held them; compare their content. */
const plain = (model: ModelProto) => ({
  ...model,
  graph: { ...model.graph, initializers: model.graph.initializers.map((t) => ({ ...t, raw: Array.from(t.raw) })) },
});

describe("awkward values", () => {
  const fixture = readFileSync(new URL("../../test/fixtures/onnx/awkward.onnx", import.meta.url));

  it("are read as onnx's own classes wrote them", () => {
    expect(plain(decodeModel(fixture, "awkward.onnx"))).toEqual(plain(awkward));
  });

  it("come back from our own bytes", () => {
    expect(plain(decodeModel(encodeModel(awkward), "ours"))).toEqual(plain(awkward));
  });

  it("keep the sign of zero, and not-a-number", () => {
    const { attributes } = decodeModel(encodeModel(awkward), "ours").graph.nodes[0]!;
    expect(Object.is(attributes.find(({ name }) => name === "-0")!.value, -0)).toBe(true);
    const nan: ModelProto = {
      ...awkward,
      graph: { ...awkward.graph, nodes: [{ ...awkward.graph.nodes[1]!, attributes: [float("nan", Number.NaN)] }] },
    };
    expect(decodeModel(encodeModel(nan), "ours").graph.nodes[0]!.attributes[0]!.value).toBeNaN();
  });

  it("of weights are passed through, not copied", () => {
    const raws = awkward.graph.initializers.map(({ raw }) => raw);
    const parts = encodeModelParts(awkward);
    expect(raws.every((raw) => parts.includes(raw))).toBe(true);
  });
});

const name = fc.string({ unit: "grapheme", maxLength: 20 });
const attribute: fc.Arbitrary<AttributeProto> = fc.oneof(
  fc.record({ name, type: fc.constant("int" as const), value: fc.maxSafeInteger() }),
  fc.record({ name, type: fc.constant("float" as const), value: fc.float() }),
  fc.record({ name, type: fc.constant("string" as const), value: fc.string({ unit: "grapheme" }) }),
  fc.record({ name, type: fc.constant("ints" as const), value: fc.array(fc.maxSafeInteger(), { maxLength: 6 }) }),
);
const dtype = fc.constantFrom(...(Object.keys(bytesOf) as DType[]));
const dims = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
const anyTensor = fc.record({ name, dtype, dims }).chain((head) => {
  const size = sizeOf(head.dims) * bytesOf[head.dtype];
  return fc.uint8Array({ minLength: size, maxLength: size }).map((raw) => ({ ...head, raw }));
});
const info = fc.record({ name, dtype, dims: fc.array(fc.oneof(fc.nat(), name), { maxLength: 4 }) });
const names = fc.array(name, { maxLength: 4 });
const node = fc.record({
  opType: name,
  domain: name,
  inputs: names,
  outputs: names,
  attributes: fc.array(attribute, { maxLength: 3 }),
});
const list = <T>(of: fc.Arbitrary<T>) => fc.array(of, { maxLength: 3 });
const anyModel: fc.Arbitrary<ModelProto> = fc.record({
  irVersion: fc.nat(20),
  producerName: name,
  opsets: list(fc.record({ domain: name, version: fc.maxSafeInteger() })),
  metadata: fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true }),
  graph: fc.record({ name, nodes: list(node), initializers: list(anyTensor), inputs: list(info), outputs: list(info) }),
});

it("characters beyond the first supplementary plane are whole (pbf 5.1.2 would spoil them)", () => {
  const producerName = "𠀀 𪛖 😷 \u{10ffff}";
  expect(decodeModel(encodeModel({ ...awkward, producerName }), "ours").producerName).toBe(producerName);
});

describe("any model", () => {
  it("comes back from its bytes", () => {
    fc.assert(
      fc.property(anyModel, (model) => {
        expect(plain(decodeModel(encodeModel(model), "m"))).toEqual(plain(model));
      }),
      { numRuns: 200 },
    );
  });
});

/** What a decoder may do with hostile bytes: read them, or say in its own words why not. */
function readOrRefuse(data: Uint8Array): string {
  try {
    decodeModel(data, "hostile.onnx");
    return "read";
  } catch (error) {
    if (!(error instanceof BeitError) || !/^onnx\/(damaged|unsupported)$/.test(error.code)) throw error;
    expect(error.message).toMatch(/^hostile\.onnx: not a readable ONNX model: /);
    return error.code;
  }
}

describe("hostile bytes", () => {
  const whole = encodeModel(awkward);

  it("cut anywhere are refused, wherever that is not the end of a field of the model", () => {
    const outcomes = Array.from({ length: whole.length }, (_, end) => readOrRefuse(whole.subarray(0, end)));
    expect(new Set(outcomes)).toEqual(new Set(["onnx/damaged"])); // the graph is written last
  });

  it("with any byte changed are read or refused", () => {
    for (let i = 0; i < whole.length; i++) {
      for (const change of [0x01, 0x80, 0xff]) {
        const data = whole.slice();
        data[i]! ^= change;
        readOrRefuse(data);
      }
    }
  });

  it("at random are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => void readOrRefuse(data)),
      { numRuns: 500 },
    );
  });

  const within = (field: number, ...content: number[]) => [8 * field + 2, content.length, ...content];
  const initializer = (...content: number[]) => bytes(...within(7, ...within(5, ...content)));
  it.each<[string, Uint8Array, string]>([
    ["nothing", bytes(), "no graph"],
    ["a picture", bytes(0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10), "not a readable"],
    [
      "a length beyond the end",
      bytes(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      "graph: expected 4294967295 bytes, 0 are left",
    ],
    [
      "a length beyond the message around",
      bytes(...within(7, 0x12, 5, 65), 0x12, 3, 66, 67, 68),
      "graph name: expected 5 bytes, 1 are left",
    ],
    ["an unknown field beyond the end", bytes(...within(7), 0x5a, 50), "model: ends at byte 54 of 4"],
    ["a field without number", bytes(...within(7), 0, 1, 2), "model: ends at byte 3 of 5"],
    ["another wire type", bytes(0x38, 1), "graph: expected wire type 2, got 0"],
    ["a group", bytes(0x3b), "not a readable"],
    ["a varint without end", bytes(0x08, ...new Array<number>(11).fill(0xff)), "10 bytes"],
    ["text that is not UTF-8", bytes(0x12, 1, 0xff), "not valid for encoding utf-8"],
    ["an integer beyond 2^53", bytes(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), "beyond 2^53"],
    [
      "a tensor with too few bytes",
      initializer(0x08, 2, 0x10, 1, ...within(9, 0, 0, 0, 0)),
      "tensor  [2]: expected 8 bytes of float32, got 4",
    ],
    [
      "a tensor with a negative dimension",
      initializer(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x10, 1, ...within(9)),
      "a dimension is negative",
    ],
    ["a packed list that ends inside an integer", initializer(...within(1, 0x80), 0x10, 1), "10 bytes"],
    ["a tensor of complex numbers", initializer(0x10, 14), "element type 14 is not supported"],
    ["a tensor in another file", initializer(0x10, 1, ...within(13)), "external files are not supported"],
    ["a tensor without raw data", initializer(0x08, 1, 0x10, 1, ...within(4, 0, 0, 0, 0)), "expected raw data"],
    [
      "an attribute that is a graph",
      bytes(...within(7, ...within(1, ...within(5, 0xa0, 1, 5)))),
      "type 5 is not supported",
    ],
    ["sparse weights", bytes(...within(7, 0x7a, 0)), "sparse initializers are not supported"],
    ["local functions", bytes(0xca, 1, 0, ...within(7)), "model-local functions are not supported"],
    [
      "an input that is a sequence",
      bytes(...within(7, ...within(11, ...within(2, 0x22, 0)))),
      "expected a tensor type",
    ],
    [
      "an input of unknown rank",
      bytes(...within(7, ...within(11, ...within(2, ...within(1, 0x08, 1))))),
      "unknown rank",
    ],
  ])("%s", (_, data, reason) => {
    expect(readOrRefuse(data)).not.toBe("read");
    expect(() => decodeModel(data, "hostile.onnx")).toThrow(reason);
  });

  it("packed lists, which newer writers use, are read too", () => {
    const data = initializer(...within(1, 2, 1), 0x10, 9, ...within(9, 1, 0));
    expect(decodeModel(data, "packed").graph.initializers[0]!.dims).toEqual([2, 1]);
  });
});
