// Prediction from JPEG files against the model alone, and the exact resize against sharp's.
import { PREDICTION_BATCH } from "../../dist/evaluate/predictor.js";
import { interleave, startContender } from "../contender.mjs";
import { pairedRatios, summary } from "../statistics.mjs";
import { layoutText } from "./gemm.mjs";

const PICTURES = 128; // of one run: many batches, so that the first and the last, which do not overlap, count little
const BATCH = PREDICTION_BATCH;
const CASES = [
  { preset: "tiny", kind: "forward", form: "fp32" },
  { preset: "tiny", kind: "int8", form: "int8", floor: 0.9 },
];

const RESIZES = [
  { from: [256, 256], to: 224, filter: "bilinear", kernel: "linear" },
  { from: [256, 256], to: 224, filter: "bicubic", kernel: "cubic" },
  { from: [1280, 960], to: 224, filter: "bilinear", kernel: "linear" },
  { from: [1280, 960], to: 224, filter: "bicubic", kernel: "cubic" },
];

async function closing(contenders, measure) {
  try {
    return await measure();
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

async function compareResize(options, context) {
  const [width, height] = options.from;
  const ours = await startContender("resize", { workload: "resize", by: "beit", ...options });
  const sharp = await startContender("sharp.resize", { workload: "resize", by: "sharp", ...options });
  const sides = [ours, sharp].map((contender) => ({ contender, work: 1 }));
  const [own, theirs] = await closing([ours, sharp], () => interleave(sides, context));
  const what = `${width} x ${height} to ${options.to}, ${options.filter}`;
  const against = `sharp.resize ${sharp.facts.version}`;
  const row = (name, { rates, cores }, extra) => ({
    what: `${what}: ${name}`,
    layout: "1 x 1",
    rate: summary(rates),
    unit: "pictures/s",
    cores,
    ...extra,
  });
  return [
    row("resize, Pillow's to the bit", own, { against, ratio: summary(pairedRatios(own.rates, theirs.rates)) }),
    row(against, theirs),
  ];
}

async function compareFiles({ preset, kind, form, floor }, context) {
  const layout = { lanes: context.cores, threads: 1 };
  const graph = { workload: "graph", kind, preset, batch: BATCH, ...layout };
  const bulk = { workload: "bulk", kind, preset, workers: context.cores, folder: context.pictures, count: PICTURES };
  const model = await startContender(`${preset} ${form} model`, graph);
  const files = await startContender(`${preset} ${form} from files`, bulk);
  const sides = [
    { contender: model, work: BATCH * layout.lanes },
    { contender: files, work: PICTURES },
  ];
  const [alone, whole] = await closing([model, files], () => interleave(sides, context));
  const row = (what, { rates, cores }, extra) => ({
    what: `${preset} in ${form}, batch ${BATCH}: ${what}`,
    layout: layoutText(layout),
    rate: summary(rates),
    unit: "images/s",
    cores,
    ...extra,
  });
  return [
    row("the model alone", alone),
    row("from JPEG files", whole, {
      against: "the model alone",
      ratio: summary(pairedRatios(whole.rates, alone.rates)),
      floor,
    }),
  ];
}

export async function bulk(context) {
  const rows = [];
  for (const options of CASES) rows.push(...(await compareFiles(options, context)));
  for (const options of RESIZES) rows.push(...(await compareResize(options, context)));
  return rows;
}
