// Prediction from tensors, against @huggingface/transformers on the same file.
import { mkdir, writeFile } from "node:fs/promises";
import { serializeConfig } from "../../dist/beit/config.js";
import { usualWorkers } from "../../dist/evaluate/predictor.js";
import { interleave, startContender } from "../contender.mjs";
import { configOf, forwardGraph } from "../graphs.mjs";
import { installPeers } from "../peers.mjs";
import { pairedRatios, summary } from "../statistics.mjs";
import { layoutText } from "./gemm.mjs";

const CASES = [
  { preset: "tiny", batch: 1 },
  { preset: "tiny", batch: 8, int8Floor: 1.9 },
  { preset: "base", batch: 1, int8Floor: 2.7 },
];
const FLOOR = 1; // of what predict runs in fp32; the same file on the same onnxruntime cannot but tie
const TOLERANCE = 1e-3; // between logits of two graphs of one model in fp32

/** A model folder as transformers.js loads it, with the portable export inside. */
async function writeModel(root, preset) {
  await mkdir(`${root}/${preset}/onnx`, { recursive: true });
  await writeFile(`${root}/${preset}/config.json`, JSON.stringify(serializeConfig(configOf(preset), "classification")));
  const { model } = await forwardGraph({ preset, batch: 1, portable: true });
  await writeFile(`${root}/${preset}/onnx/model.onnx`, model);
}

/** A comparison of different answers would compare nothing. */
function requireSameLogits(contenders) {
  const [first, ...others] = contenders.map(({ facts }) => facts.logits);
  for (const [i, logits] of others.entries()) {
    const difference = Math.max(...logits.map((value, j) => Math.abs(value - first[j])));
    if (difference < TOLERANCE && logits.length === first.length) continue;
    throw new Error(`${contenders[i + 1].name}: logits differ by ${difference} from those of ${contenders[0].name}`);
  }
}

/** How `beit predict` runs a model: one picture in one session, many by threads where the model is narrow. */
function layoutOf({ preset, batch }, { cores }) {
  const lanes = batch > 1 ? usualWorkers(configOf(preset)) : 1;
  return { lanes, threads: Math.floor(cores / lanes) };
}

async function startAll({ preset, batch }, context) {
  const options = { preset, batch, threads: context.cores };
  const graph = { workload: "graph", kind: "forward", ...options };
  const layout = layoutOf({ preset, batch }, context);
  const peer = { workload: "transformers", root: context.folder, folder: preset, ...options };
  const started = [
    { name: "predict", ...layout, options: { ...graph, ...layout } },
    { name: "the exported file", lanes: 1, threads: context.cores, options: { ...graph, portable: true } },
    { name: "transformers.js", lanes: 1, threads: context.cores, options: peer },
    { name: "predict, int8", ...layout, options: { ...graph, kind: "int8", ...layout } },
  ];
  if (layout.lanes > 1) {
    const layoutOne = { lanes: 1, threads: context.cores };
    started.push({ name: "predict in one session", ...layoutOne, options: graph });
    started.push({ name: "predict in one session, int8", ...layoutOne, options: { ...graph, kind: "int8" } });
  }
  for (const side of started) side.contender = await startContender(`${preset} ${side.name}`, side.options);
  requireSameLogits(started.filter(({ name }) => !name.endsWith("int8")).map(({ contender }) => contender));
  return started; // int8 answers a little differently
}

async function compare({ preset, batch, int8Floor }, context) {
  const started = await startAll({ preset, batch }, context);
  const entries = started.map(({ contender, lanes }) => ({ contender, work: batch * lanes }));
  const results = await interleave(entries, context);
  for (const { contender } of started) await contender.close();
  const peer = started.findIndex(({ name }) => name === "transformers.js");
  const against = `transformers.js ${started[peer].contender.facts.version}`;
  const floors = { predict: FLOOR, "predict, int8": int8Floor };
  return started.map(({ name, ...layout }, i) => ({
    what: `${preset}, batch ${batch}: ${i === peer ? `${against} on the exported file` : name}`,
    layout: layoutText(layout),
    rate: summary(results[i].rates),
    unit: "images/s",
    cores: results[i].cores,
    ...(i !== peer && { against, ratio: summary(pairedRatios(results[i].rates, results[peer].rates)) }),
    floor: floors[name],
  }));
}

export async function inference(context) {
  installPeers();
  const rows = [];
  for (const preset of new Set(CASES.map(({ preset: name }) => name))) await writeModel(context.folder, preset);
  for (const options of CASES) rows.push(...(await compare(options, context)));
  return rows;
}
