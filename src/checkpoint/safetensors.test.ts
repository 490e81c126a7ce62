import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { bytesOfTensor, elementsAt } from "./bytes.ts";
import { parseSafetensors, serializeSafetensors } from "./safetensors.ts";

/** A file with this header, written as given, and these many bytes of data. */
function file(header: string, dataBytes = 0, claimed = BigInt(new TextEncoder().encode(header).length)): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed, true);
  bytes.set(text, 8);
  for (let i = 0; i < dataBytes; i++) bytes[8 + text.length + i] = i;
  return bytes;
}

const entry = (dtype: string, shape: unknown, offsets: unknown) =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });
const join = (parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

function refusal(bytes: Uint8Array): string {
  try {
    parseSafetensors(bytes, "m.safetensors");
  } catch (error) {
    expect(error).toBeInstanceOf(BeitError);
    const { code, message } = error as BeitError;
    expect(message).toMatch(/^m\.safetensors: /);
    return `${code} | ${message.slice("m.safetensors: ".length)}`;
  }
  return "read";
}

describe("parseSafetensors", () => {
  it("reads a file written by hand", () => {
    const header = `{"__metadata__":{"format":"pt","__proto__":"x"},"w":${entry("I8", [2, 1], [0, 2])},"__proto__":${entry("BOOL", [], [2, 3])}}`;
    const { tensors, metadata } = parseSafetensors(file(header, 3), "m");
    expect([...tensors]).toEqual([
      ["w", { dtype: "int8", shape: [2, 1], data: Int8Array.of(0, 1) }],
      ["__proto__", { dtype: "bool", shape: [], data: Uint8Array.of(2) }],
    ]);
    expect(Object.entries(metadata)).toEqual([
      ["format", "pt"],
      ["__proto__", "x"],
    ]);
  });

  it("looks into the file where aligned and copies where not, of a Buffer too", () => {
    const header =
      `{"a":${entry("U8", [1], [0, 1])},"b":${entry("I32", [1], [1, 5])},"c":${entry("U8", [3], [5, 8])}}`.padEnd(200);
    const bytes = Buffer.from(file(header, 8));
    const { tensors } = parseSafetensors(bytes, "m");
    expect(tensors.get("c")!.data.buffer).toBe(bytes.buffer);
    expect(tensors.get("b")!.data.buffer).not.toBe(bytes.buffer);
    expect(tensors.get("b")!.data).toEqual(Int32Array.of(0x04030201));
  });

  it("takes empty files, scalars and empty tensors", () => {
    expect(parseSafetensors(file("{}"), "m").tensors.size).toBe(0);
    const { tensors } = parseSafetensors(
      file(`{"e":${entry("F32", [0, 5], [0, 0])},"s":${entry("F16", [], [0, 2])}}`, 2),
      "m",
    );
    expect(tensors.get("e")).toEqual({ dtype: "float32", shape: [0, 5], data: new Float32Array() });
    expect(tensors.get("s")).toEqual({ dtype: "float16", shape: [], data: Uint16Array.of(0x0100) });
  });

  it.each([
    [
      "an empty file",
      new Uint8Array(),
      "checkpoint/truncated | a safetensors file has at least 8 bytes, this one has 0",
    ],
    [
      "a header beyond the end",
      file("{}", 0, 3n),
      "checkpoint/truncated | its header claims 3 bytes, but only 2 follow",
    ],
    [
      "a huge header",
      file("{}", 0, 2n ** 64n - 1n),
      "checkpoint/bad-header | its header claims 18446744073709552000 bytes",
    ],
    ["no JSON", file("{'a':1}"), "checkpoint/bad-header | its header is not JSON"],
    ["no UTF-8", file("{}").with(8, 0xff), "checkpoint/bad-header | its header is not JSON in UTF-8"],
    ["a list", file("[]"), "checkpoint/bad-header | its header is not a JSON object"],
    ["a name twice", file(`{"a":1, "\\u0061" :2}`), 'checkpoint/bad-header | its header has "a" twice'],
    [
      "a field twice",
      file(`{"a":{"dtype":"U8","dtype":"I8"}}`),
      'checkpoint/bad-header | its header has "dtype" twice',
    ],
    [
      "metadata that are no strings",
      file(`{"__metadata__":{"n":1}}`),
      'checkpoint/bad-header | __metadata__ "n" is not a string',
    ],
    ["a description that is none", file(`{"a":null}`), 'checkpoint/bad-header | tensor "a": its description'],
    ["no dtype", file(`{"a":{}}`), 'checkpoint/bad-header | tensor "a": has no dtype'],
    [
      "another dtype",
      file(`{"a":${entry("F8_E4M3", [1], [0, 1])}}`, 1),
      'checkpoint/unsupported-dtype | tensor "a": dtype "F8_E4M3"',
    ],
    ["a dtype of Object", file(`{"a":${entry("constructor", [1], [0, 1])}}`, 1), "checkpoint/unsupported-dtype"],
    [
      "a negative dimension",
      file(`{"a":${entry("U8", [-1], [0, 1])}}`, 1),
      'checkpoint/bad-header | tensor "a": shape [-1]',
    ],
    [
      "a fractional dimension",
      file(`{"a":${entry("U8", [1.5], [0, 1])}}`, 1),
      'checkpoint/bad-header | tensor "a": shape [1.5]',
    ],
    [
      "a product that overflows",
      file(`{"a":${entry("U8", [2 ** 40, 2 ** 40, 0], [0, 0])}}`),
      'checkpoint/bad-header | tensor "a": shape',
    ],
    [
      "negative offsets",
      file(`{"a":${entry("U8", [1], [-1, 0])}}`, 1),
      'checkpoint/bad-header | tensor "a": data_offsets [-1, 0]',
    ],
    [
      "offsets turned round",
      file(`{"a":${entry("U8", [1], [1, 0])}}`, 1),
      'checkpoint/bad-header | tensor "a": U8 of shape [1] needs 1 bytes',
    ],
    [
      "three offsets",
      file(`{"a":${entry("U8", [1], [0, 1, 2])}}`, 1),
      'checkpoint/bad-header | tensor "a": data_offsets',
    ],
    [
      "a lying shape",
      file(`{"a":${entry("F32", [3], [0, 8])}}`, 8),
      'checkpoint/bad-header | tensor "a": F32 of shape [3] needs 12 bytes',
    ],
    [
      "an overlap",
      file(`{"a":${entry("U8", [4], [0, 4])},"b":${entry("U8", [4], [2, 6])}}`, 6),
      'checkpoint/bad-header | tensor "b": starts at byte 2, inside the one that ends at 4',
    ],
    [
      "a hole",
      file(`{"a":${entry("U8", [1], [0, 1])},"b":${entry("U8", [1], [2, 3])}}`, 3),
      'checkpoint/bad-header | tensor "b": starts at byte 2, leaving a hole from 1',
    ],
    [
      "too little data",
      file(`{"a":${entry("F64", [2 ** 40], [0, 2 ** 43])}}`, 8),
      'checkpoint/truncated | tensor "a" ends at byte 8796093022208',
    ],
    [
      "bytes left over",
      file(`{"a":${entry("U8", [1], [0, 1])}}`, 2),
      "checkpoint/bad-header | its tensors take 1 bytes, but 2 bytes",
    ],
  ])("refuses %s", (_, bytes, message) => {
    expect(refusal(bytes).startsWith(message)).toBe(true);
  });

  it("refuses every cut of a file", () => {
    const whole = join(serializeSafetensors([["w", { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) }]]));
    for (let length = 0; length < whole.length; length++)
      expect(refusal(whole.slice(0, length))).toMatch(/^checkpoint\/truncated/);
  });

  it("keeps a long name out of its message", () => {
    expect(refusal(file(`{"${"x".repeat(1e6)}":1}`)).length).toBeLessThan(500);
  });
});

describe("serializeSafetensors", () => {
  it("writes the bytes the format asks for", () => {
    const [header, ...data] = serializeSafetensors([
      ["b", { dtype: "bool", shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ["a", { dtype: "float32", shape: [1], data: Float32Array.of(1) }],
    ]);
    const text = new TextDecoder().decode(header!.subarray(8));
    expect(text.trimEnd()).toBe(
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"BOOL","shape":[3],"data_offsets":[4,7]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    );
    expect(header!.length % 8).toBe(0);
    expect(header![0]! + 256 * header![1]!).toBe(header!.length - 8);
    expect(data).toEqual([Uint8Array.of(0, 0, 0x80, 0x3f), Uint8Array.of(1, 0, 1)]);
  });

  it("does not copy the tensors", () => {
    const data = new Float32Array(4);
    const parts = serializeSafetensors([["w", { dtype: "float32", shape: [2], data: data.subarray(1, 3) }]]);
    expect(parts[1]).toMatchObject({ buffer: data.buffer, byteOffset: 4, byteLength: 8 });
  });

  it("refuses what it could not read back", () => {
    const one: Tensor = { dtype: "uint8", shape: [1], data: Uint8Array.of(1) };
    const named = (...names: string[]) => names.map((name): [string, Tensor] => [name, one]);
    expect(() => serializeSafetensors(named("a", "a"))).toThrow('safetensors: the name "a" is taken or reserved');
    expect(() => serializeSafetensors(named("__metadata__"))).toThrow("reserved");
    expect(() => serializeSafetensors([["a", { ...one, shape: [2] }]])).toThrow(
      "uint8 of shape [2] does not have 1 elements",
    );
  });
});

const tensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(bytesOf) as DType[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    seed: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  })
  .map(({ dtype, shape, seed }) => {
    const bytes = Uint8Array.from({ length: sizeOf(shape) * bytesOf[dtype] }, (_, i) => seed[i % 8]! ^ i);
    return { dtype, shape, data: elementsAt(bytes, 0, sizeOf(shape), dtype) };
  });

describe("property: safetensors", () => {
  it("reads back what was written, bit by bit, and lays every tensor out aligned", () => {
    const names = fc.uniqueArray(
      fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom("__proto__", "constructor", "0", "")),
      { maxLength: 6 },
    );
    const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
    fc.assert(
      fc.property(names, fc.array(tensor, { minLength: 6, maxLength: 6 }), metadata, (keys, values, about) => {
        fc.pre(!keys.includes("__metadata__"));
        const written = keys.map((key, i): [string, Tensor] => [key, values[i]!]);
        const bytes = join(serializeSafetensors(written, about));
        const read = parseSafetensors(bytes, "m");
        expect(new Set(read.tensors.keys())).toEqual(new Set(keys));
        for (const [key, { dtype, shape, data }] of written) {
          const back = read.tensors.get(key)!;
          expect([back.dtype, back.shape]).toEqual([dtype, shape]);
          expect(bytesOfTensor(back)).toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
          expect(back.data.buffer).toBe(bytes.buffer);
        }
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(about).sort());
      }),
    );
  });

  it("reads or refuses a damaged file, and never fails otherwise", () => {
    const whole = join(serializeSafetensors([["w", { dtype: "int8", shape: [3], data: Int8Array.of(1, 2, 3) }]]));
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const outcome = refusal(whole.with(at, byte));
        expect(outcome).toMatch(/^(read$|checkpoint\/)/);
      }),
      { numRuns: 500 },
    );
  });
});
