import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseRecipe, type Recipe } from "../../src/train/recipe.ts";
import { trainStages } from "../../src/train/stages.ts";
import { bits, newOutput, run as runTo } from "./run.ts";
import { writeShapes } from "./shapes.ts";

const recipe = parseRecipe(
  {
    imageSize: 64,
    epochs: 2,
    batchSize: 8,
    optimizer: "muon",
    model: "tiny",
    learningRate: 1e-3,
    warmupEpochs: 0.5,
    dropPath: 0,
    augment: {},
    later: [{ imageSize: 96, epochs: 1, learningRate: 3e-4 }],
  },
  {},
  "test",
);

let shapes: string;
beforeAll(async () => {
  shapes = await writeShapes({ train: 16, validation: 4 });
});

/** Runs all stages, or stops after a step of one. */
async function run(folder: string, stopAt?: { readonly stage: number; readonly step: number }) {
  let stage = 0;
  const options = { output: folder, resume: true };
  const { events, result } = await runTo(
    (o) => trainStages(shapes, recipe, o),
    options,
    (event) => {
      if (event.kind === "stage") stage = event.number;
      return event.kind === "step" && stage === stopAt?.stage && event.step === stopAt.step;
    },
  );
  return { events, results: result };
}

describe("trainStages", { timeout: 400_000 }, () => {
  it("starts each stage from the one before, at its own size, and resumes in the stage at hand bit for bit", async () => {
    const [whole, broken] = [newOutput(), newOutput()];
    const undisturbed = await run(whole);
    expect(undisturbed.results.map(({ model }) => model.config.imageSize)).toEqual([
      [64, 64],
      [96, 96],
    ]);
    const starts = undisturbed.events.filter((event) => event.kind === "start");
    expect(starts[0]!.loaded).toBe(0);
    expect(starts[1]!.loaded).toBe(undisturbed.results[1]!.model.parameters.size);
    expect(existsSync(join(whole, "stage-1/best/model.safetensors"))).toBe(true);
    expect(existsSync(join(whole, "best/model.safetensors"))).toBe(true);

    const first = await run(broken, { stage: 1, step: 5 });
    expect(first.results.map(({ interrupted }) => interrupted)).toEqual([true]);
    const second = await run(broken, { stage: 2, step: 2 });
    expect(second.results.map(({ interrupted }) => interrupted)).toEqual([false, true]);
    const moved = `${broken}-moved`;
    renameSync(broken, moved);
    const third = await run(moved);
    expect(third.results.map(({ interrupted, state }) => [interrupted, state.step])).toEqual([
      [false, 8],
      [false, 4],
    ]);
    expect(bits(third.results[1]!)).toEqual(bits(undisturbed.results[1]!));
  });

  it("refuses to go on with a run of another number of stages", async () => {
    const [one, two] = [newOutput(), newOutput()];
    mkdirSync(join(one, "checkpoint-3"), { recursive: true });
    mkdirSync(join(two, "stage-1"), { recursive: true });
    const begin = (output: string, r: Recipe) => trainStages(shapes, r, { output, resume: true }).next();
    await expect(begin(one, recipe)).rejects.toThrow(`${one}: was begun with one stage, the recipe has 2`);
    await expect(begin(two, { ...recipe, later: [] })).rejects.toThrow(
      "was begun with several stages, the recipe has 1",
    );
  });
});
