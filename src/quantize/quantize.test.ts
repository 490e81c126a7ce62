import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { jpeg, smallConfig } from "../../test/cli/run.ts";
import { initialValues } from "../beit/init.ts";
import { openDataset } from "../dataset/folder.ts";
import { type Model, parameterShapes } from "../evaluate/model.ts";
import { scoreSamples } from "../evaluate/samples.ts";
import { defaultProcessor } from "../image/processor.ts";
import { quantizeClassifier } from "./quantize.ts";

const dataset = mkdtempSync(join(tmpdir(), "beit-quantize-"));
const shapes = parameterShapes(smallConfig, "classification");
const fresh = (): Model => ({
  name: "small",
  config: smallConfig,
  task: "classification",
  processor: defaultProcessor(smallConfig.imageSize),
  parameters: initialValues(shapes, { law: "finetune", seed: 7, headScale: 40 }),
  source: { format: "huggingface", files: [], dtypes: ["float32"], unused: [] },
});

/**
 * The same model as before in float32: a hidden unit of layer 1 is very large and its weight in the next product 0. A
 * range that holds it leaves the other units a byte or two. What they say is made to decide the answer.
 */
async function withOutlier(): Promise<Model> {
  const model = fresh();
  const prefix = "beit.encoder.layer.1";
  const [bias, weight] = [`${prefix}.intermediate.dense.bias`, `${prefix}.output.dense.weight`].map((name) => {
    return model.parameters.get(name)!.data;
  }) as [Float32Array, Float32Array];
  bias[0] = 3000;
  const width = smallConfig.intermediateSize;
  for (let i = 0; i < weight.length; i++) weight[i]! *= i % width === 0 ? 0 : 4000;
  await centreLogits(model);
  return model;
}

/** Takes the mean logits of the pictures off the classifier's bias, so that the answers hang on small differences. */
async function centreLogits(model: Model): Promise<void> {
  const classes = model.config.labels;
  const { samples } = await openDataset(dataset, { classes });
  const { logits } = (await scoreSamples(model, samples, classes, { workers: 0 })).scored;
  const bias = model.parameters.get("classifier.bias")!.data;
  for (const [i, logit] of logits.entries()) bias[i % classes.length]! -= logit / samples.length;
}

beforeAll(async () => {
  for (const [label, brightness] of [
    ["dark", 40],
    ["light", 215],
  ] as const) {
    mkdirSync(join(dataset, label));
    for (let i = 0; i < 16; i++)
      writeFileSync(join(dataset, label, `${i}.jpg`), await jpeg(brightness + 10 * i - 40, `${label}${i}`));
  }
});

describe("quantizeClassifier", () => {
  it.each(["percentile", "entropy", "dynamic"] as const)("%s: answers as float32 does", async (activations) => {
    const { heldOut, agreement, parts } = await quantizeClassifier(fresh(), dataset, { split: "all", activations });
    expect(agreement).toBe(1);
    expect(heldOut.pictures).toBe(16);
    const spread = Math.max(...parts.map(({ error }) => error));
    // Errors of ten parts add up to √10 of one at their root mean square; the worst of 32 lies within 4 of that.
    expect(heldOut.worstLogitError).toBeLessThan(4 * Math.sqrt(parts.length) * spread);
    expect(heldOut.worstLogitError).toBeGreaterThan(0);
  });

  it("leaves a part in float32 that a single large unit spoils", async () => {
    const { parts, agreement } = await quantizeClassifier(await withOutlier(), dataset, { split: "all" });
    const errors = new Map(parts.map(({ name, error }) => [name, error]));
    const bad = "layer 1 feed-forward out";
    for (const [name, error] of errors) if (name !== bad) expect(error, name).toBeLessThan(errors.get(bad)! / 2);
    expect(parts.filter(({ precision }) => precision === "fp32").map(({ name }) => name)).toContain(bad);
    expect(parts.filter(({ precision }) => precision === "int8").length).toBeGreaterThan(5);
    expect(agreement).toBe(1);
  });
});
