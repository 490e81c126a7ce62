import { describe, expect, it } from "vitest";
import { type InitLaw, initialValues } from "./init.ts";

const D = 48;
const shapes = new Map(
  Object.entries({
    "beit.embeddings.cls_token": [1, 1, D],
    "beit.embeddings.position_embeddings": [1, 5, D],
    "beit.embeddings.patch_embeddings.projection.weight": [D, 3, 4, 4],
    "beit.embeddings.patch_embeddings.projection.bias": [D],
    "beit.encoder.layer.1.layernorm_before.weight": [D],
    "beit.encoder.layer.1.layernorm_before.bias": [D],
    "beit.encoder.layer.1.attention.attention.query.weight": [D, D],
    "beit.encoder.layer.1.attention.attention.query.bias": [D],
    "beit.encoder.layer.1.attention.attention.key.weight": [D, D],
    "beit.encoder.layer.1.attention.attention.value.weight": [D, D],
    "beit.encoder.layer.1.attention.attention.relative_position_bias.relative_position_bias_table": [12, 3],
    "beit.encoder.layer.1.attention.output.dense.weight": [D, D],
    "beit.encoder.layer.1.output.dense.weight": [D, 2 * D],
    "beit.encoder.layer.1.lambda_1": [D],
    "beit.encoder.layer.1.lambda_2": [D],
    "classifier.weight": [10, D],
    "classifier.bias": [10],
  }).map(([name, shape]) => [name, { shape }]),
);
const block = "beit.encoder.layer.1";
const draw = (law: InitLaw, seed = 1) => initialValues(shapes, { law, seed, numHeads: 3 });
const largest = (data: Float32Array) => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

describe("initialValues", () => {
  it("depends on seed and name only", () => {
    const all = draw("finetune");
    const [name, shape] = [`${block}.output.dense.weight`, shapes.get(`${block}.output.dense.weight`)!];
    const alone = initialValues(new Map([[name, shape]]), { law: "finetune", seed: 1 });
    expect(alone.get(name)).toEqual(all.get(name));
    expect(draw("finetune", 2).get(name)).not.toEqual(all.get(name));
  });

  it("scales the head of a classifier by a thousandth in unilm's way only", () => {
    expect(largest(draw("finetune").get("classifier.weight")!.data)).toBeLessThan(1e-4);
    expect(largest(draw("huggingface").get("classifier.weight")!.data)).toBeGreaterThan(0.04);
  });

  it("cuts pre-training at one sigma, leaves transformers' tokens at zero", () => {
    for (const [name, { data }] of draw("pretrain")) {
      if (/layernorm|lambda/.test(name)) continue;
      expect(largest(data), name).toBeLessThanOrEqual(0.02);
    }
    expect(largest(draw("huggingface").get("beit.embeddings.cls_token")!.data)).toBe(0);
  });

  it("spreads the patch projection as torch's convolution when fine-tuning", () => {
    const values = draw("finetune");
    for (const part of ["weight", "bias"]) {
      const size = largest(values.get(`beit.embeddings.patch_embeddings.projection.${part}`)!.data);
      expect(size).toBeLessThanOrEqual(1 / Math.sqrt(48));
      expect(size).toBeGreaterThan(0.9 / Math.sqrt(48));
    }
  });

  it("is as fine-tuning but for attention and lambda_1 when mimetic", () => {
    const [plain, mimetic] = [draw("finetune"), draw("mimetic")];
    const changed = [...shapes.keys()].filter((name) =>
      plain.get(name)!.data.some((x, i) => x !== mimetic.get(name)!.data[i]),
    );
    expect(changed).toEqual([
      `${block}.attention.attention.query.weight`,
      `${block}.attention.attention.key.weight`,
      `${block}.attention.attention.value.weight`,
      `${block}.attention.output.dense.weight`,
      `${block}.lambda_1`,
    ]);
    expect(mimetic.get(`${block}.lambda_1`)!.data[0]).toBe(1);
    expect(mimetic.get(`${block}.lambda_2`)!.data[0]).toBe(Math.fround(0.1));
    const [value, output] = ["attention.value", "output.dense"].map(
      (x) => mimetic.get(`${block}.attention.${x}.weight`)!.data,
    );
    let trace = 0;
    for (let a = 0; a < D; a++) for (let j = 0; j < D; j++) trace += output![a * D + j]! * value![j * D + a]!;
    expect(trace / D).toBeCloseTo(-0.4, 1);
  });

  it("says what it cannot initialise", () => {
    const one = (name: string, shape: readonly number[]) => new Map([[name, { shape }]]);
    expect(() => initialValues(one("beit.encoder.gates", [4]), { law: "pretrain", seed: 1 })).toThrow(
      "beit.encoder.gates: expected a BEiT parameter by its Hugging Face name",
    );
    const bias = "beit.embeddings.patch_embeddings.projection.bias";
    expect(() => initialValues(one(bias, [4]), { law: "finetune", seed: 1 })).toThrow(
      "projection.weight, which is missing",
    );
    expect(() => initialValues(shapes, { law: "mimetic", seed: 1, numHeads: 5 })).toThrow(
      "expected numHeads dividing the width 48, got 5",
    );
  });
});
