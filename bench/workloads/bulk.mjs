// Prediction of a folder of pictures by threads, from files to logits.
import { readdir } from "node:fs/promises";
import { createPredictor } from "../../dist/evaluate/predictor.js";
import { defaultProcessor } from "../../dist/image/processor.js";
import { configOf, int8Graph, parametersOf } from "../graphs.mjs";

const formOf = async (kind, preset) =>
  kind === "int8"
    ? { quantized: (await int8Graph({ preset, batch: 4 })).model }
    : { parameters: parametersOf(configOf(preset)) };

/** `kind` is that of a graph: "forward" or "int8". */
export async function load({ kind, preset, workers, folder, count }) {
  const config = configOf(preset);
  const classifier = { config, processor: defaultProcessor(config.imageSize), ...(await formOf(kind, preset)) };
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".jpg"));
  const paths = Array.from({ length: count }, (_, i) => `${folder}/${names[i % names.length]}`);
  const predictor = await createPredictor(classifier, { workers });
  async function run() {
    for await (const outcome of predictor.scores(paths)) if ("error" in outcome) throw outcome.error;
  }
  return { run, facts: {} };
}
