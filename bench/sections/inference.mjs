// Prediction from tensors, against @huggingface/transformers on the same file.
import { mkdir, writeFile } from "node:fs/promises";
import { serializeConfig } from "../../dist/beit/config.js";
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

async function compare({ preset, batch, int8Floor }, context) {
  const layout = { lanes: 1, threads: context.cores };
  const options = { preset, batch, threads: context.cores };
  const ours = { workload: "graph", kind: "forward", ...options };
  const contenders = [
    await startContender(`${preset} as predict runs it`, ours),
    await startContender(`${preset} portable`, { ...ours, portable: true }),
    await startContender(`${preset} transformers.js`, {
      workload: "transformers",
      root: context.folder,
      folder: preset,
      ...options,
    }),
  ];
  requireSameLogits(contenders); // int8 comes after: it answers a little differently
  contenders.push(await startContender(`${preset} int8`, { ...ours, kind: "int8" }));
  const entries = contenders.map((contender) => ({ contender, work: batch }));
  const [own, portable, theirs, int8] = await interleave(entries, context);
  for (const contender of contenders) await contender.close();
  const against = `transformers.js ${contenders[2].facts.version}`;
  const row = (what, { rates, cores }, extra) => ({
    what: `${preset}, batch ${batch}: ${what}`,
    layout: layoutText(layout),
    rate: summary(rates),
    unit: "images/s",
    cores,
    ...extra,
  });
  return [
    row("predict", own, { against, ratio: summary(pairedRatios(own.rates, theirs.rates)), floor: FLOOR }),
    row("predict, int8", int8, { against, ratio: summary(pairedRatios(int8.rates, theirs.rates)), floor: int8Floor }),
    row("the exported file", portable, { against, ratio: summary(pairedRatios(portable.rates, theirs.rates)) }),
    row(`${against} on the exported file`, theirs),
  ];
}

export async function inference(context) {
  installPeers();
  const rows = [];
  for (const preset of new Set(CASES.map(({ preset: name }) => name))) await writeModel(context.folder, preset);
  for (const options of CASES) rows.push(...(await compare(options, context)));
  return rows;
}
