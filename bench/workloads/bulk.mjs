// Prediction of a folder of pictures by threads, from files to logits.
import { readdir } from "node:fs/promises";
import { createPredictor } from "../../dist/evaluate/predictor.js";
import { defaultProcessor } from "../../dist/image/processor.js";
import { configOf, parametersOf } from "../graphs.mjs";

export async function load({ preset, workers, folder, count }) {
  const config = configOf(preset);
  const classifier = { config, processor: defaultProcessor(config.imageSize), parameters: parametersOf(config) };
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jpg"));
  const paths = Array.from({ length: count }, (_, i) => `${folder}/${names[i % names.length]}`);
  const predictor = await createPredictor(classifier, { workers });
  async function run() {
    for await (const outcome of predictor.scores(paths)) if ("error" in outcome) throw outcome.error;
  }
  return { run, facts: {} };
}
