import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { drawCalibration } from "../../src/dataset/calibration.ts";
import { openDataset } from "../../src/dataset/folder.ts";
import { classificationMetrics } from "../../src/evaluate/classification.ts";
import { forward } from "../../src/evaluate/forward.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { scoreSamples } from "../../src/evaluate/samples.ts";
import { float32 } from "../../src/tensor/tensor.ts";
import { beit, jpeg, type Ran, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const at = (name: string) => join(cwd, name);
const calibrate = (output: string, ...args: string[]) =>
  beit(["calibrate", "model", "data", "-o", output, "--json", ...args], { cwd });

interface Figures {
  readonly loss: number;
  readonly expected_calibration_error: number;
}

/** Logits of two pictures of constants. */
async function logitsOf(folder: string): Promise<readonly number[]> {
  const data = Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => (i < 3 * 32 * 32 ? -0.5 : 0.7));
  const { outputs } = await forward(
    await loadModel(at(folder)),
    new Map([["pixel_values", float32(data, [2, 3, 32, 32])]]),
  );
  return [...(outputs.logits!.data as Float32Array)];
}

let ran: Ran;
let record: { temperature: number; before: Figures; after: Figures };

beforeAll(async () => {
  await writeModel(at("model"), { dtype: "float32", card: "# Kept\n" });
  const pictures = await Promise.all(
    Array.from({ length: 24 }, async (_, i) => [`${i}.jpg`, await jpeg(30 + 8 * i, `${i}`)] as const),
  );
  mkdirSync(at("all"));
  for (const [name, bytes] of pictures) writeFileSync(at(`all/${name}`), bytes);
  const answers = await beit(["predict", "all", "-m", "model", "--json"], { cwd });
  const ranked = (JSON.parse(answers.stdout) as { file: string; predictions: { label: string; score: number }[] }[])
    .map(({ file, predictions }) => ({ file, score: predictions.find(({ label }) => label === "light")!.score }))
    .sort((a, b) => a.score - b.score);
  for (const label of smallConfig.labels) mkdirSync(at(`data/validation/${label}`), { recursive: true });
  ranked.forEach(({ file }, i) => {
    // Mostly as the model ranks them, every fourth otherwise, so that some temperature is best.
    const label = smallConfig.labels[Number(i >= 12) ^ Number(i % 4 === 1)]!;
    writeFileSync(at(`data/validation/${label}/${i}.jpg`), readFileSync(join(cwd, file)));
  });
  ran = await calibrate("calibrated");
  record = JSON.parse(ran.stdout || "{}");
});

describe("beit calibrate", () => {
  it("divides the model's logits by the temperature it reports", async () => {
    expect(ran).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("beit: wrote calibrated: 32 x 32 px, float32"),
    });
    expect(record).toMatchObject({ split: "validation", pictures_fitted: 12, pictures: 12, shift: {}, unreadable: [] });
    expect(record.temperature).not.toBeCloseTo(1, 2);
    const [before, after] = [await logitsOf("model"), await logitsOf("calibrated")];
    for (const [i, logit] of after.entries()) expect(logit).toBeCloseTo(before[i]! / record.temperature, 5);
  });

  it("measures both forms on the pictures that the temperature was not fitted on", async () => {
    const { samples } = await openDataset(at("data"), { split: "validation", classes: smallConfig.labels });
    const { rest } = drawCalibration(samples, samples.length, 42);
    for (const [folder, figures] of [
      ["model", record.before],
      ["calibrated", record.after],
    ] as const) {
      const { scored } = await scoreSamples(await loadModel(at(folder)), rest, smallConfig.labels);
      const { loss, expected_calibration_error } = classificationMetrics(scored);
      expect(figures.loss).toBeCloseTo(loss, 6);
      expect(figures.expected_calibration_error).toBeCloseTo(expected_calibration_error, 6);
    }
  });

  it("adds a shift to the logits of its class alone", async () => {
    const shifted = await calibrate("shifted", "--shift", "light=0.75");
    expect(shifted.code).toBe(0);
    expect(JSON.parse(shifted.stdout)).toMatchObject({ shift: { light: 0.75 }, temperature: record.temperature });
    const [before, after] = [await logitsOf("calibrated"), await logitsOf("shifted")];
    for (const [i, logit] of after.entries()) expect(logit).toBeCloseTo(before[i]! + (i % 2 === 1 ? 0.75 : 0), 5);
  });

  it("says in the card what was done", () => {
    const card = readFileSync(at("shifted/README.md"), "utf8");
    expect(card).toMatch(
      /^# Kept\n\n## Calibration\n\nLogits divided by \d\.\d{3}, then \+0\.75 for light: fitted on 12 pictures of validation, measured on 12 others\./,
    );
  });

  it.each([
    ["a class that is not there", ["--shift", "grey=1"], 1, 'has no class "grey" to shift; it has dark, light'],
    ["a shift that is no number", ["--shift", "light=much"], 2, "Expected NAME=NUMBER"],
    ["a split that is not there", ["--split", "test"], 1, "test"],
  ])("refuses %s", async (_, args, code, words) => {
    expect(await calibrate("refused", ...args)).toMatchObject({ code, stderr: expect.stringContaining(words) });
    await expect(loadModel(at("refused"))).rejects.toThrow();
  });

  it("refuses a model of several classes a picture", async () => {
    await writeModel(at("several"), { config: { ...smallConfig, problemType: "multi_label_classification" } });
    const ran = await beit(["calibrate", "several", "data", "-o", "refused"], { cwd });
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("is a model of multi_label_classification") });
  });

  it("does not write over a model unless told to", async () => {
    expect(await calibrate("calibrated")).toMatchObject({ code: 1, stderr: expect.stringContaining("--force") });
    expect((await calibrate("calibrated", "--force")).code).toBe(0);
  });
});
