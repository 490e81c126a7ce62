import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type InitLaw, initialValues } from "../../src/beit/init.ts";
import { sizeOf } from "../../src/tensor/tensor.ts";

interface Stats {
  mean: number;
  std: number;
  min: number;
  max: number;
}

const path = new URL("../fixtures/golden/init_stats/expected.json", import.meta.url);
const golden: Record<string, Record<string, Stats>> = JSON.parse(readFileSync(path, "utf8"));

// unilm's names in the golden file, as Hugging Face has them; qkv is one matrix there, its query part here.
const rename = (name: string) =>
  name
    .replace(/^(cls_token|mask_token)$/, "beit.embeddings.$1")
    .replace(/^patch_embed\.proj/, "beit.embeddings.patch_embeddings.projection")
    .replace(/^rel_pos_bias\.(\w+)$/, "beit.encoder.relative_position_bias.$1")
    .replace(/^blocks\./, "beit.encoder.layer.")
    .replace(
      /attn\.relative_position_bias_table$/,
      "attention.attention.relative_position_bias.relative_position_bias_table",
    )
    .replace("attn.qkv.weight", "attention.attention.query.weight")
    .replace("attn.q_bias", "attention.attention.query.bias")
    .replace("attn.proj", "attention.output.dense")
    .replace("mlp.fc1", "intermediate.dense")
    .replace("mlp.fc2", "output.dense")
    .replace("norm1", "layernorm_before")
    .replace("gamma_1", "lambda_1")
    .replace(/^head\./, "classifier.")
    .replace(/^fc_norm\./, "beit.pooler.layernorm.");

function shapeOf(name: string): number[] {
  if (/(cls_token|mask_token)$/.test(name)) return [1, 1, 768];
  if (name.endsWith("position_embeddings")) return [1, 197, 768];
  if (name.endsWith("relative_position_bias_table")) return [732, 12];
  if (name.endsWith("projection.weight")) return [768, 3, 16, 16];
  if (/lm_head/.test(name)) return name.endsWith("bias") ? [8192] : [8192, 768];
  if (/classifier/.test(name)) return name.endsWith("bias") ? [1000] : [1000, 768];
  if (/intermediate\.dense\.weight$/.test(name)) return [3072, 768];
  if (/\d\.output\.dense\.weight$/.test(name)) return [768, 3072];
  return /(query|attention\.output\.dense)\.weight$/.test(name) ? [768, 768] : [768];
}

function statsOf(data: Float32Array): Stats {
  let [sum, min, max] = [0, Infinity, -Infinity];
  for (const x of data) [sum, min, max] = [sum + x, Math.min(min, x), Math.max(max, x)];
  const mean = sum / data.length;
  const squares = data.reduce((total, x) => total + (x - mean) ** 2, 0);
  return { mean, std: Math.sqrt(squares / data.length), min, max };
}

describe.each([
  ["unilm_pretrain_base", "pretrain"],
  ["unilm_finetune_base", "finetune"],
  ["hf_classification_base", "huggingface"],
] as const)("%s", (key, law: InitLaw) => {
  const shapes = new Map(Object.keys(golden[key]!).map((name) => [rename(name), { shape: shapeOf(rename(name)) }]));
  const values = initialValues(shapes, { law, seed: 20211006 });

  it.each(Object.entries(golden[key]!))("%s", (name, expected) => {
    const tensor = values.get(rename(name))!;
    const ours = statsOf(tensor.data);
    const n = sizeOf(tensor.shape);
    const bounded = expected.std > 0 && expected.max / expected.std < 2; // uniform or cut at one sigma
    // Five standard errors of a difference of two samples; torch's std divides by n - 1 (3e-4 at 1000 values).
    expect(Math.abs(ours.mean - expected.mean)).toBeLessThanOrEqual(5 * expected.std * Math.sqrt(2 / n));
    expect(Math.abs(ours.std - expected.std)).toBeLessThanOrEqual(expected.std * (5 / Math.sqrt(n) + 1 / n));
    // Edges are reached within a percent at these sizes (2 % for 768 values); tails of a normal scatter by a sigma or so.
    const slack = expected.std * (bounded ? (n < 1000 ? 0.06 : 0.02) : 1.5);
    expect(Math.abs(ours.min - expected.min)).toBeLessThanOrEqual(slack);
    expect(Math.abs(ours.max - expected.max)).toBeLessThanOrEqual(slack);
  });
});
