import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noisyPixels, smallConfig, temporaryFolder, writeModel } from "../../test/cli/run.ts";
import type { BeitConfig, Task } from "../beit/config.ts";
import { preprocess } from "../image/processor.ts";
import { float32 } from "../tensor/tensor.ts";
import { createFeatureExtractor, type FeatureKind, featurePoolings, featureShape } from "./features.ts";
import { forward } from "./forward.ts";
import { loadModel } from "./model.ts";

const [N, D] = [17, 32]; // 32 px, patches of 8
const folder = temporaryFolder();
const kinds: [string, Task, Partial<BeitConfig>][] = [
  ["mean pooling", "classification", {}],
  ["[CLS] pooling", "classification", { useMeanPooling: false }],
  ["a bare encoder", "features", {}],
  ["pre-training", "masked-image-modelling", { useMaskToken: true, useMeanPooling: false }],
];
beforeAll(async () => {
  for (const [name, task, changes] of kinds) {
    await writeModel(join(folder, name), { task, config: { ...smallConfig, ...changes } });
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pixels = noisyPixels(120, "features");

async function featuresOf(name: string, kind: FeatureKind): Promise<number[]> {
  const extractor = await createFeatureExtractor(await loadModel(join(folder, name)), kind, { workers: 0 });
  const { value } = await extractor.scores([pixels]).next();
  await extractor.close();
  return Array.from((value as { logits: Float32Array }).logits);
}

/** An output of the unfolded graph, which the golden cases check. */
async function outputOf(name: string, output: string): Promise<number[]> {
  const model = await loadModel(join(folder, name));
  const input = float32(preprocess(pixels, model.processor).data, [1, 3, 32, 32]);
  const given = new Map([["pixel_values", input]]);
  if (model.task === "masked-image-modelling")
    given.set("bool_masked_pos", float32(new Float32Array(N - 1), [1, N - 1]));
  const { outputs } = await forward(model, given, { outputs: [output] });
  return Array.from(outputs[output]!.data as Float32Array);
}

/** What a pooling is of tokens [N, D], by its definition. */
function pooled(tokens: readonly number[], pool: FeatureKind["pool"]): number[] {
  const cls = tokens.slice(0, D);
  const mean = cls.map((_, d) => {
    let sum = 0;
    for (let n = 1; n < N; n++) sum += tokens[n * D + d]!;
    return sum / (N - 1);
  });
  return { cls, mean, concat: [...cls, ...mean], tokens: [...tokens] }[pool];
}

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4);
}

describe.each(kinds)("features of a model of %s", (name, task, changes) => {
  it.each(featurePoolings)("%s, of any hidden state as it is", async (pool) => {
    for (const layer of [0, 1, 2]) {
      const found = await featuresOf(name, { pool, layer });
      expectClose(found, pooled(await outputOf(name, `hidden_states.${layer}`), pool));
      expect(found.length).toBe(featureShape(smallConfig, pool).reduce((a, b) => a * b));
    }
  });

  it("takes the last hidden state, pooled as the model does it, unless a layer is named", async () => {
    const last = await outputOf(name, "last_hidden_state");
    const expected = { cls: pooled(last, "cls"), mean: pooled(last, "mean") };
    if (task !== "masked-image-modelling") {
      expected[changes.useMeanPooling === false ? "cls" : "mean"] = await outputOf(name, "pooled_output");
    }
    expectClose(await featuresOf(name, { pool: "tokens" }), last);
    expectClose(await featuresOf(name, { pool: "cls" }), expected.cls);
    expectClose(await featuresOf(name, { pool: "mean" }), expected.mean);
    expectClose(await featuresOf(name, { pool: "concat" }), [...expected.cls, ...expected.mean]);
  });
});

it("names the layers that there are", async () => {
  const error = featuresOf("mean pooling", { pool: "cls", layer: 3 });
  await expect(error).rejects.toThrow(/expected a layer from 0, the embeddings, to 2, got 3/);
});
