import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { layerId, parameterGroups } from "./groups.ts";

interface Fixture {
  layerDecay: {
    shapes: Record<string, number[]>;
    groups: Record<string, [number, number]>;
    hyper: { layerDecay: number };
  };
  pretrain: { shapes: Record<string, number[]>; weightDecay: Record<string, number> };
  huggingface: { shapes: Record<string, number[]>; decay: string[]; no_decay: string[] };
}

const path = new URL("../../test/fixtures/optim/torch-adamw.json", import.meta.url);
const fixture: Fixture = JSON.parse(readFileSync(path, "utf8"));
const shapesOf = (shapes: Record<string, number[]>) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));

describe("parameterGroups", () => {
  it("gives unilm's fine-tuning groups with layer decay", () => {
    const { shapes, groups: expected, hyper } = fixture.layerDecay;
    const options = { tradition: "beit", weightDecay: 0.05, layerDecay: hyper.layerDecay, numLayers: 3 } as const;
    const groups = parameterGroups(shapesOf(shapes), options);
    expect([...groups.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, [lrScale, weightDecay]] of Object.entries(expected)) {
      expect(groups.get(name)!.lrScale, name).toBeCloseTo(lrScale, 14);
      expect(groups.get(name)!.weightDecay, name).toBe(weightDecay);
    }
  });

  it("gives unilm's pre-training groups: mask token and shared table decay, cls token does not", () => {
    const { shapes, weightDecay } = fixture.pretrain;
    const groups = parameterGroups(shapesOf(shapes), { tradition: "beit", weightDecay: 0.05, numLayers: 3 });
    expect(Object.fromEntries([...groups].map(([name, group]) => [name, group.weightDecay]))).toEqual(weightDecay);
    expect(groups.get("beit.embeddings.mask_token")!.weightDecay).toBe(0.05);
    expect([...groups.values()].every((group) => group.lrScale === 1)).toBe(true);
  });

  it("gives Hugging Face Trainer's groups: names with bias do not decay, tables included", () => {
    const { shapes, decay, no_decay } = fixture.huggingface;
    const groups = parameterGroups(shapesOf(shapes), { tradition: "huggingface", weightDecay: 0.01, numLayers: 2 });
    const decayed = [...groups].filter(([, group]) => group.weightDecay > 0).map(([name]) => name);
    expect(decayed.sort()).toEqual([...decay].sort());
    expect(groups.size).toBe(decay.length + no_decay.length);
  });

  it("can spare the tables and leaves out what is not trainable", () => {
    const table = "beit.encoder.relative_position_bias.relative_position_bias_table";
    const shapes = new Map([
      [table, { shape: [52, 4] }],
      ["classifier.weight", { shape: [2, 8] }],
    ]);
    const options = { tradition: "beit", weightDecay: 1, numLayers: 2 } as const;
    expect(parameterGroups(shapes, { ...options, decayRelativePositionBias: false }).get(table)!.weightDecay).toBe(0);
    const groups = parameterGroups(shapes, { ...options, trainable: (name) => name.startsWith("classifier") });
    expect([...groups.keys()]).toEqual(["classifier.weight"]);
  });
});

describe("layerId", () => {
  it.each([
    ["beit.embeddings.cls_token", 0],
    ["embeddings.patch_embeddings.projection.weight", 0],
    ["beit.encoder.layer.0.lambda_1", 1],
    ["encoder.layer.11.output.dense.weight", 12],
    ["beit.encoder.layer.3.attention.attention.relative_position_bias.relative_position_bias_table", 4],
    ["beit.encoder.relative_position_bias.relative_position_bias_table", 13],
    ["beit.pooler.layernorm.weight", 13],
    ["beit.layernorm.bias", 13],
    ["classifier.weight", 13],
  ])("%s is %d", (name, id) => expect(layerId(name, 12)).toBe(id));
});
