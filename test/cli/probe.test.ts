import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLayerExtractor } from "../../src/evaluate/features.ts";
import { forward } from "../../src/evaluate/forward.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { preprocess } from "../../src/image/processor.ts";
import { float32 } from "../../src/tensor/tensor.ts";
import { writeShapes } from "../learning/shapes.ts";
import { beit, noisyPixels, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
let [model, pretraining, dataset]: string[] = [];
beforeAll(async () => {
  model = await writeModel(join(cwd, "model"));
  const config = { ...smallConfig, useMaskToken: true };
  pretraining = await writeModel(join(cwd, "mim"), { config, task: "masked-image-modelling" });
  dataset = await writeShapes({ train: 12, validation: 6 });
});
afterAll(() => {
  for (const folder of [cwd, dataset!]) rmSync(folder, { recursive: true, force: true });
});

describe("beit probe", () => {
  it("tells warm from cold pictures by what a random encoder makes of them", async () => {
    const { code, stdout } = await beit(["probe", model!, dataset!, "--json", "--svg", join(cwd, "probe.svg")], {
      cwd,
    });
    expect(code).toBe(0);
    const { rows, classes, trainedOn, measuredOn, k } = JSON.parse(stdout);
    expect({ classes, trainedOn, measuredOn, k }).toEqual({
      classes: ["cold", "warm"],
      trainedOn: 24,
      measuredOn: 12,
      k: 20,
    });
    expect(rows.map((row: { layer: number; pooling: string }) => `${row.layer} ${row.pooling}`)).toEqual([
      "1 cls",
      "1 mean",
      "1 concat",
      "2 cls",
      "2 mean",
      "2 concat",
    ]);
    const mean = rows.filter(({ pooling }: { pooling: string }) => pooling === "mean");
    for (const { linear } of mean) expect(linear.balanced_accuracy).toBeGreaterThan(0.9); // tint goes through any linear patch embedding
    expect(readFileSync(join(cwd, "probe.svg"), "utf8")).toContain("linear, mean of patches");
  });

  it("prints a table of the layers and features asked for, of a pre-training model too", async () => {
    const { code, stdout } = await beit([
      "probe",
      pretraining!,
      dataset!,
      "--layers",
      "2",
      "--pool",
      "mean",
      "--knn",
      "3",
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Balanced accuracy on 12 pictures, fitted on 24; \* is the best\.\n\nlayer {2}features/);
    expect(stdout).toMatch(/\n {4}2 {2}mean of patches {2}[01]\.\d{4} \* +[\d.e-]+ +[01]\.\d{4} \*\n$/);
    expect(stdout).toContain("3 nearest");
  });

  it("trains the linear layer by the original's recipe when asked to", async () => {
    const args = ["probe", model!, dataset!, "--layers", "2", "--pool", "mean", "--solver", "adamw"];
    const { stdout } = await beit([...args, "--json"]);
    const { solver, rows } = JSON.parse(stdout);
    expect([solver, Object.keys(rows[0].linear)]).toEqual(["adamw", ["accuracy", "balanced_accuracy"]]);
    expect(rows[0].linear.balanced_accuracy).toBeGreaterThan(0.9);
    const table = (await beit(args)).stdout;
    expect(table).not.toContain("ridge");
    expect(table).toMatch(/\n {4}2 {2}mean of patches {2}[01]\.\d{4} \* +[01]\.\d{4} \*\n$/);
  });

  it("reads what forward gives for the same picture", async () => {
    const loaded = await loadModel(model!);
    const pixels = noisyPixels(90, "probe");
    const extractor = await createLayerExtractor(loaded, [2, 1], { workers: 0 });
    const { value } = await extractor.scores([pixels]).next();
    await extractor.close();
    const row = (value as { logits: Float32Array }).logits;
    const input = float32(preprocess(pixels, loaded.processor).data, [1, 3, 32, 32]);
    const { outputs } = await forward(loaded, new Map([["pixel_values", input]]), { outputs: ["probe_features.*"] });
    const expected = [1, 0].flatMap((i) => [...(outputs[`probe_features.${i}`]!.data as Float32Array)]);
    expect(row.length).toBe(2 * 2 * 32);
    for (const [i, feature] of expected.entries()) expect(row[i]).toBeCloseTo(feature, 4);
  });

  it("says what is wrong, and writes nothing then", async () => {
    const layer = await beit(["probe", model!, dataset!, "--layers", "3", "-o", join(cwd, "out.txt")]);
    expect([layer.code, layer.stderr]).toEqual([1, expect.stringContaining("expected layers from 1 to 2, got 3")]);
    const pool = await beit(["probe", model!, dataset!, "--pool", "max"]);
    expect([pool.code, pool.stderr]).toEqual([2, expect.stringContaining("Expected cls, mean or concat")]);
    writeFileSync(join(cwd, "file.jpg"), "no folder");
    expect((await beit(["probe", model!, join(cwd, "file.jpg")])).code).toBe(1);
    expect(existsSync(join(cwd, "out.txt"))).toBe(false);
  });
});
