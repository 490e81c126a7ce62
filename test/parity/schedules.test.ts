import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dropPathRates } from "../../src/beit/position.ts";
import { layerId, parameterGroups } from "../../src/optim/groups.ts";
import { schedule, unilmWarmupSteps } from "../../src/optim/schedule.ts";

interface Cosine {
  args: [base: number, final: number, epochs: number, stepsPerEpoch: number];
  warmup_epochs?: number;
  warmup_steps?: number;
  start_warmup_value?: number;
  values: number[];
}
interface LayerDecay {
  layer_decay: number;
  num_layers: number;
  scales_by_layer_id: number[];
  layer_id: Record<string, number>;
}
interface Golden {
  cosine_scheduler: Record<string, Cosine>;
  layer_decay: Record<string, LayerDecay>;
  drop_path_rates_linspace: Record<string, number[]>;
}

const path = new URL("../fixtures/golden/schedules/expected.json", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(path, "utf8"));

// unilm's names in the golden file, as Hugging Face has them.
const names: Record<string, string> = {
  cls_token: "beit.embeddings.cls_token",
  mask_token: "beit.embeddings.mask_token",
  pos_embed: "beit.embeddings.position_embeddings",
  "patch_embed.proj.weight": "beit.embeddings.patch_embeddings.projection.weight",
  "rel_pos_bias.relative_position_bias_table": "beit.encoder.relative_position_bias.relative_position_bias_table",
  "blocks.0.attn.qkv.weight": "beit.encoder.layer.0.attention.attention.query.weight",
  "blocks.11.gamma_2": "beit.encoder.layer.11.lambda_2",
  "blocks.23.gamma_2": "beit.encoder.layer.23.lambda_2",
  "blocks.0.attn.relative_position_bias_table":
    "beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table",
  "norm.weight": "beit.layernorm.weight",
  "fc_norm.weight": "beit.pooler.layernorm.weight",
  "head.weight": "classifier.weight",
};

describe("unilm's cosine schedule", () => {
  it.each(Object.entries(golden.cosine_scheduler))("%s", (_, expected) => {
    const [base, final, epochs, stepsPerEpoch] = expected.args;
    const lr = schedule("cosine", {
      base,
      final,
      totalSteps: epochs * stepsPerEpoch,
      warmupSteps: unilmWarmupSteps(stepsPerEpoch, expected.warmup_epochs ?? 0, expected.warmup_steps),
      warmupStart: expected.start_warmup_value,
    });
    expect(expected.values.length).toBe(epochs * stepsPerEpoch);
    for (const [step, value] of expected.values.entries()) expect(Math.abs(lr(step) - value)).toBeLessThan(1e-15);
  });
});

describe("layer decay", () => {
  it.each(Object.entries(golden.layer_decay))("%s", (_, expected) => {
    const { layer_decay: layerDecay, num_layers: numLayers } = expected;
    const shapes = new Map(Object.keys(expected.layer_id).map((name) => [names[name]!, { shape: [1, 1] }]));
    const groups = parameterGroups(shapes, { tradition: "beit", weightDecay: 0.05, layerDecay, numLayers });
    for (const [name, id] of Object.entries(expected.layer_id)) {
      expect(layerId(names[name]!, numLayers), name).toBe(id);
      expect(groups.get(names[name]!)!.lrScale, name).toBeCloseTo(expected.scales_by_layer_id[id]!, 15);
    }
  });
});

describe("drop-path rates", () => {
  it.each(Object.entries(golden.drop_path_rates_linspace))("%s", (name, expected) => {
    const rates = dropPathRates(Number(name.split("p")[1]), expected.length);
    for (const [i, rate] of rates.entries()) expect(Math.abs(rate - expected[i]!)).toBeLessThan(2e-8); // torch: float32
  });
});
