import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type BeitConfig, serializeConfig } from "../../src/beit/config.ts";
import { initialValues } from "../../src/beit/init.ts";
import { writeFolder } from "../../src/checkpoint/folder.ts";
import { parseSafetensors } from "../../src/checkpoint/safetensors.ts";
import { forward } from "../../src/evaluate/forward.ts";
import { loadModel, parameterShapes } from "../../src/evaluate/model.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { goldenCase, goldenFolder, worstExcess } from "../parity/golden.ts";
import { beit, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const at = (name: string) => join(cwd, name);
const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
const pixels = goldenCase("cls_mean_relbias").inputs.get("pixel_values")!;
const card = "---\nlicense: mit\n---\n\n# Kept\n";
let source: string;

const tensorsOf = (folder: string) => parseSafetensors(readFileSync(join(folder, "model.safetensors")), folder).tensors;

/** Logits of a folder's model. */
async function logitsOf(folder: string): Promise<Float32Array> {
  const { outputs } = await forward(await loadModel(folder), new Map([["pixel_values", pixels]]));
  return outputs.logits!.data as Float32Array;
}

beforeAll(async () => {
  source = await writeModel(at("source"), { dtype: "float32", card });
});

describe("beit convert --dtype", () => {
  it.each([
    ["float16", 2e-3], // 11 significant bits, 2 layers
    ["bfloat16", 2e-2], // 8 significant bits
  ] as const)("%s and back: nearly the same logits, half the size", async (dtype, tolerance) => {
    const [half, back] = [at(dtype), at(`${dtype}-back`)];
    expect(await beit(["convert", source, "-o", half, "--dtype", dtype])).toMatchObject({
      code: 0,
      stdout: "",
      stderr: `beit: wrote ${half}: 32 x 32 px, ${dtype}\n`,
    });
    expect(json(join(half, "config.json")).torch_dtype).toBe(dtype);
    expect((await loadModel(half)).source.dtypes).toEqual([dtype]);
    const expected = await logitsOf(source);
    const logits = await logitsOf(half);
    expect(worstExcess(logits, expected, tolerance)).toBeLessThan(tolerance);
    expect(logits).not.toEqual(expected);
    await beit(["convert", half, "-o", back, "--dtype", "float32"]);
    expect(await logitsOf(back)).toEqual(logits);
  });

  it("keeps the precision, the card, the labels and the processor when nothing is said", async () => {
    const half = await writeModel(at("half"), { dtype: "float16", card });
    expect((await beit(["convert", half, "-o", at("copy")])).code).toBe(0);
    for (const file of ["README.md", "preprocessor_config.json"]) {
      expect(readFileSync(join(at("copy"), file), "utf8"), file).toBe(readFileSync(join(half, file), "utf8"));
    }
    expect(tensorsOf(at("copy"))).toEqual(tensorsOf(half));
    const { torch_dtype, beit_save_id: _, ...rest } = json(join(at("copy"), "config.json"));
    expect(torch_dtype).toBe("float16");
    expect(json(join(half, "config.json"))).toMatchObject(rest);
  });
});

describe("beit convert of other forms", () => {
  it("unilm's weights alone become a folder with the same logits", async () => {
    const golden = goldenCase("cls_mean_relbias");
    const file = join(goldenFolder, "convert/unilm_cls_mean_relbias.safetensors");
    const { code, stderr } = await beit(["convert", file, "-o", at("unilm")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `beit: wrote ${at("unilm")}: 32 x 32 px, float32\n` });
    const written = tensorsOf(at("unilm"));
    for (const [name, { data }] of golden.weights!) expect(written.get(name)?.data, name).toEqual(data);
  });
});

describe("beit convert --image-size", () => {
  const key = "beit.encoder.layer.1.attention.attention.relative_position_bias.relative_position_bias_table";
  const tables = goldenCase("interp_tables").expected;

  it("32 to 48 px: position tables as unilm resizes them, a processor for 48 px", async () => {
    const shapes = parameterShapes(smallConfig, "classification");
    const tensors = new Map<string, Tensor>(initialValues(shapes, { law: "finetune", seed: 7 }));
    tensors.set(key, tables.get("w4_to_6.src")!);
    await writeFolder(at("32"), { config: serializeConfig(smallConfig, "classification"), tensors });
    expect((await beit(["convert", at("32"), "-o", at("48"), "--image-size", "48"])).code).toBe(0);
    const { config, parameters, processor } = await loadModel(at("48"));
    expect(config).toMatchObject({ ...smallConfig, imageSize: [48, 48] } satisfies BeitConfig);
    expect(processor.resize).toEqual({ height: 48, width: 48 });
    const expected = tables.get("w4_to_6.unilm_cubic_geometric")!;
    const table = parameters.get(key)!;
    expect(table.shape).toEqual(expected.shape);
    expect(worstExcess(table.data, expected.data as Float32Array, 0)).toBeLessThan(2e-6); // float32 golden values
    expect(parameters.get("classifier.weight")!.data).toEqual(tensors.get("classifier.weight")!.data);
  });

  it("refuses a size that patches do not fill, and writes nothing", async () => {
    const { code, stderr } = await beit(["convert", source, "-o", at("33"), "--image-size", "33"]);
    expect(code).toBe(1);
    expect(stderr).toBe(`beit: ${source}: image height 33 px is not a multiple of patch size 8 px\n`);
    expect(existsSync(at("33"))).toBe(false);
  });
});

describe("what lies there already", () => {
  it("a model is written over with --force only; an ONNX file beside it is then out of date", async () => {
    const folder = await writeModel(at("there"));
    mkdirSync(join(folder, "onnx"));
    writeFileSync(join(folder, "onnx/model.onnx"), "");
    const before = readFileSync(join(folder, "model.safetensors"));
    const refused = await beit(["convert", source, "-o", folder]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toBe(`beit: ${folder}: there is a model already; add --force to write over it\n`);
    expect(readFileSync(join(folder, "model.safetensors")).equals(before)).toBe(true);
    const forced = await beit(["convert", source, "-o", folder, "--force"]);
    expect(forced.code).toBe(0);
    expect(forced.stderr).toContain(
      `${folder}/onnx/model.onnx is of the model before: write it anew with beit export ${folder}`,
    );
    expect((await loadModel(folder)).source.dtypes).toEqual(["float32"]);
  });

  it("a folder without a model is no obstacle, and a model may be written over itself", async () => {
    const folder = at("empty");
    mkdirSync(folder);
    writeFileSync(join(folder, "notes.txt"), "mine");
    expect((await beit(["convert", source, "-o", folder])).code).toBe(0);
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
    expect((await beit(["convert", folder, "-o", folder, "--dtype", "float16", "--force"])).code).toBe(0);
    expect((await loadModel(folder)).source.dtypes).toEqual(["float16"]);
  });
});
