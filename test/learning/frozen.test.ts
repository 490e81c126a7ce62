import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { startClassifier, type TrainResult, train } from "../../src/train/fine-tune.ts";
import { parseRecipe, type Recipe, stagesOf } from "../../src/train/recipe.ts";
import type { RunOptions } from "../../src/train/run.ts";
import { newOutput, run as runTo } from "./run.ts";
import { writeShapes } from "./shapes.ts";

const recipe = (changes: Readonly<Record<string, unknown>>): Recipe =>
  parseRecipe(
    {
      model: "tiny",
      imageSize: 32,
      epochs: 2,
      batchSize: 16,
      learningRate: 1e-3,
      warmupEpochs: 0.5,
      dropPath: 0.1,
      layerScaleInit: 1,
      evaluateEvery: 2,
    },
    changes,
    "test",
  );

let shapes: string;
beforeAll(async () => {
  shapes = await writeShapes({ train: 32, validation: 8 });
});

/** Whether what frozen blocks give is kept in this folder. */
const keeps = (folder: string) => existsSync(join(folder, "frozen-features.tmp"));

/** Runs to the end (or until `stop`); `kept` tells of every step whether features are kept then. */
async function run(
  r: Recipe,
  options: RunOptions,
  stop?: number,
): Promise<TrainResult & { readonly kept: readonly boolean[] }> {
  const kept: boolean[] = [];
  const { result } = await runTo(
    (o) => train(shapes, r, o),
    options,
    ({ kind, ...event }) => {
      if (kind === "step") kept.push(keeps(options.output));
      return kind === "step" && "totalSteps" in event && event.step === stop;
    },
  );
  return { ...result, kept };
}

/** Largest difference over the largest value. */
function farthest(a: Float32Array, b: Float32Array): number {
  const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest;
}

describe("frozen blocks", { timeout: 400_000 }, () => {
  it("trains the head and the last blocks, and nothing else", async () => {
    const r = recipe({ trainLayers: 2 });
    const before = (await startClassifier(r, ["cold", "warm"])).parameters;
    const { model } = await run(r, { output: newOutput() });
    const moved = [...model.parameters].filter(([name, { data }]) => farthest(data, before.get(name)!.data) > 0);
    const blocks = new Set(moved.map(([name]) => /layer\.(\d+)\./.exec(name)?.[1] ?? name));
    expect([...blocks].sort()).toEqual([
      "10",
      "11",
      "beit.pooler.layernorm.bias",
      "beit.pooler.layernorm.weight",
      "classifier.bias",
      "classifier.weight",
    ]);
  });

  // Without augmentation what frozen blocks give is kept; an augmentation that does nothing computes it every time.
  it.each<Readonly<Record<string, unknown>>>([
    { trainLayers: 0 },
    { trainLayers: 2 },
    { trainLayers: 1, optimizer: "adamw", ema: 0.9, balance: { by: ["label"] } },
  ])("the same from what is kept as from pixels: %o", async (changes) => {
    const folder = newOutput();
    const kept = await run(recipe({ ...changes, augment: null }), { output: folder });
    const computed = await run(recipe({ ...changes, augment: {} }), { output: newOutput() });
    expect([new Set(kept.kept), new Set(computed.kept)]).toEqual([new Set([true]), new Set([false])]);
    expect(keeps(folder)).toBe(false);
    const before = (await startClassifier(recipe({}), ["cold", "warm"])).parameters;
    for (const [name, { data }] of kept.model.parameters) {
      const change = farthest(computed.model.parameters.get(name)!.data, before.get(name)!.data);
      expect(farthest(computed.model.parameters.get(name)!.data, data), name).toBeLessThanOrEqual(0.02 * change);
    }
    expect(kept.state.lossSum).toBeCloseTo(computed.state.lossSum, 3);
  });

  it("lifts the freeze in a later stage", () => {
    const [first, second] = stagesOf(recipe({ trainLayers: 0, later: [{ trainLayers: null }] }), "test");
    expect([first!.trainLayers, second!.trainLayers]).toEqual([0, null]);
  });

  it("resumes bit for bit", async () => {
    const r = recipe({ trainLayers: 1, augment: null });
    const whole = await run(r, { output: newOutput() });
    const folder = newOutput();
    expect((await run(r, { output: folder }, 3)).interrupted).toBe(true);
    const resumed = await run(r, { output: folder, resume: true });
    for (const [name, { data }] of whole.model.parameters) {
      expect(resumed.model.parameters.get(name)!.data, name).toEqual(data);
    }
  });

  it("names the number of blocks where more are to be trained", async () => {
    await expect(run(recipe({ trainLayers: 13 }), { output: newOutput() })).rejects.toThrow(
      "trainLayers 13: the model has 12 blocks",
    );
  });
});
