import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkParameters } from "../../src/checkpoint/assign.ts";
import { toHuggingFace, toUnilm } from "../../src/checkpoint/names.ts";
import { parseSafetensors } from "../../src/checkpoint/safetensors.ts";
import { float32, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { goldenFolder, hashValues } from "./golden.ts";

const read = (path: string) => parseSafetensors(new Uint8Array(readFileSync(join(goldenFolder, path))), path).tensors;
const json = (path: string) => JSON.parse(readFileSync(join(goldenFolder, path), "utf8"));
const sorted = (tensors: ReadonlyMap<string, Tensor>) => [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));

const cases = readdirSync(goldenFolder).filter((name) => {
  const files = readdirSync(join(goldenFolder, name));
  return files.includes("model.safetensors") && files.includes("meta.json") && json(`${name}/meta.json`).weights;
});

describe("golden model.safetensors", () => {
  it("are there", () => expect(cases).toEqual(expect.arrayContaining(["cls_mean_relbias", "mim_sharedrel"])));

  it.each(cases)("%s: every tensor has the shape and the values of its generator", (name) => {
    const tensors = read(`${name}/model.safetensors`);
    const { case: key = name, weights } = json(`${name}/meta.json`);
    expect([...tensors.keys()].sort()).toEqual(Object.keys(weights).sort());
    for (const [tensor, { shape, scale, offset = 0 }] of Object.entries<{
      shape: number[];
      scale: number;
      offset?: number;
    }>(weights)) {
      const expected = hashValues(`${key}:${tensor}`, sizeOf(shape), scale, offset);
      expect(tensors.get(tensor), tensor).toEqual(float32(expected, shape));
    }
  });

  it.each(cases)("%s: Hugging Face's names stay as they are", (name) => {
    const tensors = read(`${name}/model.safetensors`);
    const named = toHuggingFace(tensors);
    expect(named).toMatchObject({ format: "huggingface", dropped: [] });
    expect([...named.tensors]).toEqual([...tensors]);
  });
});

const conversions: Record<
  string,
  { unilm_file: string; extra_buffers_dropped: string[]; unilm_to_hf: Record<string, string[]> }
> = json("convert/map.json");

describe.each(Object.entries(conversions))(
  "conversion of %s by Hugging Face's own script",
  (name, { unilm_file, extra_buffers_dropped, unilm_to_hf }) => {
    const unilm = read(`convert/${unilm_file}`);
    const expected = read(`${name}/model.safetensors`);

    it("unilm to Hugging Face: whole tensors, and the buffers dropped", () => {
      const { tensors, format, layerNormEps, dropped } = toHuggingFace(unilm);
      expect(sorted(tensors)).toEqual(sorted(expected));
      expect({ format, layerNormEps }).toEqual({ format: "unilm", layerNormEps: 1e-6 });
      expect(dropped.sort()).toEqual(extra_buffers_dropped.sort());
    });

    it("unilm to Hugging Face: each name where the script puts it", () => {
      for (const [own, theirs] of Object.entries(unilm_to_hf)) {
        // One tensor beside what gives the format away, and the head that decides where the norm goes.
        const alone = new Map(
          [own, "patch_embed.proj.weight", ...(unilm.has("lm_head.weight") ? ["lm_head.weight"] : [])].map((key) => [
            key,
            unilm.get(key)!,
          ]),
        );
        const names = [...toHuggingFace(alone).tensors.keys()].slice(0, theirs.length);
        expect(names, own).toEqual(theirs);
      }
    });

    it("Hugging Face to unilm: whole tensors", () => {
      const withoutBuffers = new Map([...unilm].filter(([key]) => !extra_buffers_dropped.includes(key)));
      expect(sorted(toUnilm(expected))).toEqual(sorted(withoutBuffers));
    });
  },
);

interface Layout {
  num_parameters: number;
  num_layers: number;
  num_tensors: number;
  parameters_layer0_and_rest: Record<string, number[]>;
}

describe.each(Object.entries<Layout>(json("param_lists/hf.json")))("the public layout %s", (name, layout) => {
  const parameters = Object.entries(layout.parameters_layer0_and_rest).flatMap(([key, shape]) => {
    const layers = key.includes(".layer.0.") ? layout.num_layers : 1;
    return Array.from({ length: layers }, (_, i) => ({ name: key.replace(".layer.0.", `.layer.${i}.`), shape }));
  });
  // Values do not matter here, and 300 million of them would take time: every tensor is a window of one array.
  const memory = new Float32Array(Math.max(...parameters.map(({ shape }) => 3 * sizeOf(shape))));
  const tensors = new Map<string, Tensor>(
    parameters.map(({ name: key, shape }) => [key, float32(memory.subarray(0, sizeOf(shape)), shape)]),
  );

  it("has its parameters", () => {
    expect(tensors.size).toBe(layout.num_tensors);
    expect(parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(layout.num_parameters);
  });

  it("is accepted by checkParameters, and not without one of them", () => {
    const { parameters: values } = checkParameters(parameters, tensors, name);
    expect([...values.keys()]).toEqual(parameters.map((parameter) => parameter.name));
    const [first] = parameters;
    tensors.delete(first!.name);
    expect(() => checkParameters(parameters, tensors, name)).toThrow(`1 missing:\n  ${first!.name} [`);
    tensors.set(first!.name, float32(memory.subarray(0, sizeOf(first!.shape)), first!.shape));
  });

  it("goes to unilm's names, of which none is Hugging Face's, and back", () => {
    const names = new Map(parameters.map(({ name: key, shape }) => [key, shape]));
    const unilm = shrunk(tensors);
    expect([...toUnilm(unilm).keys()].filter((key) => /^beit|layer\.|classifier|attention/.test(key))).toEqual([]);
    const back = toHuggingFace(toUnilm(unilm)).tensors;
    expect([...back.keys()].sort()).toEqual([...names.keys()].sort());
  });
});

/** The same names with a tensor of one row of three, or one vector of three, in place of each. */
function shrunk(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map(
    [...tensors].map(([key, { shape }]) => [
      key,
      shape.length === 2 ? float32([1, 2, 3], [1, 3]) : float32([1, 2, 3], [3]),
    ]),
  );
}
