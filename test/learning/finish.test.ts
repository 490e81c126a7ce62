import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/evaluate/model.ts";
import { createPredictor } from "../../src/evaluate/predictor.ts";
import type { TrainedModel } from "../../src/evaluate/samples.ts";
import { defaultProcessor } from "../../src/image/processor.ts";
import { createEngine } from "../../src/platform/engine.ts";
import { type FinishedText, finishRun } from "../../src/report/run.ts";
import { float32, type Tensor } from "../../src/tensor/tensor.ts";
import { openTrainingData } from "../../src/train/data.ts";
import { startClassifier, type TrainResult } from "../../src/train/fine-tune.ts";
import { parseRecipe } from "../../src/train/recipe.ts";
import { temporaryFolder, writeShapes } from "./shapes.ts";

const settings = { model: "tiny", imageSize: 32, batchSize: 4, epochs: 1 };
let dataset: string;
let output: string;
let model: TrainedModel;
let finished: FinishedText;

const read = (file: string) => readFileSync(join(output, file), "utf8");

/** A run that ended after two steps which changed nothing. */
beforeAll(async () => {
  dataset = await writeShapes({ train: 4, validation: 3 });
  output = join(temporaryFolder(), "colours");
  const recipe = parseRecipe(settings, {}, "test");
  const data = await openTrainingData(dataset, recipe);
  const { config, parameters } = await startClassifier(recipe, data.classes);
  model = { config, processor: defaultProcessor(config.imageSize), parameters };
  const state: TrainResult["state"] = {
    recipe,
    labels: [...data.classes],
    fingerprint: data.fingerprint,
    layout: { workers: 1, threads: 1 },
    step: 2,
    lossSum: 1.5,
    recent: [],
    seconds: 4,
    pausedSeconds: 1,
    history: [{ step: 2, epoch: 1, loss: 0.75, learning_rate: 1e-4 }],
    best: { step: 2, value: 0.5 },
  };
  finished = await finishRun({
    output,
    dataset,
    recipe,
    results: [{ model, state, data, totalSteps: 2, interrupted: false }],
  });
});
afterAll(() => {
  for (const folder of [dataset, join(output, "..")]) rmSync(folder, { recursive: true, force: true });
});

describe("the folder of a finished run", () => {
  it("loads as the model that was trained, with its card", async () => {
    const loaded = await loadModel(output);
    expect(loaded.config.labels).toEqual(["cold", "warm"]);
    const bytes = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const differ = [...model.parameters].filter(([name, t]) => !bytes(t).equals(bytes(loaded.parameters.get(name)!)));
    expect(differ).toEqual([]);
    expect(loaded.source.card).toBe(read("README.md"));
  });

  it("has a card that says what was trained, how it did and how to use it", () => {
    const card = read("README.md");
    expect(card).toMatch(/^---\nlibrary_name: transformers\n/);
    for (const line of [
      "# BEiT image classifier: cold or warm",
      "| 1 | warm |",
      "npx beit predict photo.jpg --model colours",
      'env.localModelPath = "./"; // where the folder colours lies',
      'const classify = await pipeline("image-classification", "colours", { dtype: "fp32" });',
      "| cold | 4 | 3 |",
      "Trained from scratch with:",
      "-o colours -r recipe.json",
      "| batchSize | 4 |",
      "train_loss = 0.75",
      "eval_samples = 6",
      "| images | 8 planned | 8 |",
      "In brackets: 95 % bootstrap intervals.",
    ]) {
      expect(card).toContain(line);
    }
    expect(card).toMatch(/\| accuracy \| [01]\.\d{4} \\\[[\d.]+, [\d.]+\\\] \|/);
    expect(card).not.toContain("license");
  });

  it("has a recipe that repeats it", () => {
    expect(parseRecipe(JSON.parse(read("recipe.json")), {}, "recipe.json")).toEqual(parseRecipe(settings, {}, "test"));
  });

  it("has an ONNX file that answers as the model does", async () => {
    const engine = await createEngine(join(output, "onnx/model.onnx"));
    const picture = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(255) };
    const white = float32(new Float32Array(3 * 32 * 32).fill(1), [1, 3, 32, 32]); // bytes go to [-1, 1]
    const { logits } = await engine.run({ pixel_values: white });
    await engine.release();
    const predictor = await createPredictor(model, { workers: 0 });
    const { value } = await predictor.scores([picture]).next();
    await predictor.close();
    const expected = (value as { logits: Float32Array }).logits;
    for (const [k, logit] of expected.entries()) expect(logits!.data[k]).toBeCloseTo(logit, 5);
    expect(finished.remarks).toEqual([]);
  });

  it("has the figures as a page, as Trainer's files, and as text", () => {
    expect(read("report.html")).toContain("<h2>What training did</h2>");
    expect(read("report.html")).toContain("colours");
    for (const file of ["train_results.json", "eval_results.json", "all_results.json", "trainer_state.json"]) {
      expect(existsSync(join(output, file)), file).toBe(true);
    }
    expect(JSON.parse(read("trainer_state.json"))).toMatchObject({ global_step: 2, best_metric: 0.5 });
    expect(JSON.parse(read("eval_results.json"))).toMatchObject({ epoch: 1, eval_samples: 6 });
    expect(finished.printed).toContain("***** eval metrics *****");
  });
});
