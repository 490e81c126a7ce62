// How time and memory of prediction grow with the pictures at once, with their size, and with the model.
import { interleave, startContender } from "../contender.mjs";
import { median, pairedRatios, summary } from "../statistics.mjs";
import { layoutText } from "./gemm.mjs";

const AXES = [
  {
    axis: "images at once",
    cases: [1, 2, 4, 8].map((batch) => ({ name: `tiny, ${batch} x 224 px`, preset: "tiny", batch })),
  },
  {
    axis: "size",
    cases: [112, 224, 384].map((size) => ({ name: `tiny, 1 x ${size} px`, preset: "tiny", batch: 1, size })),
  },
  {
    axis: "model",
    cases: ["tiny", "small", "base"].map((preset) => ({ name: `${preset}, 1 x 224 px`, preset, batch: 1 })),
  },
];

/** Rows of one axis: pictures a second, the time of a picture in units of the first case's, most memory of the process. */
async function along({ axis, cases }, context) {
  const layout = { lanes: 1, threads: context.cores };
  const started = [];
  for (const { name, ...options } of cases) {
    const contender = await startContender(name, {
      workload: "graph",
      kind: "forward",
      ...options,
      threads: context.cores,
    });
    started.push({ name, contender, work: options.batch });
  }
  const results = await interleave(started, {
    ...context,
    rounds: Math.min(context.rounds, 5),
    seconds: context.seconds / 2,
  });
  for (const { contender } of started) await contender.close();
  return results.map(({ rates, answers, cores }, i) => {
    const megabytes = Math.round(Math.max(...answers.map(({ residentBytes }) => residentBytes)) / 2 ** 20);
    return {
      what: `${axis}: ${started[i].name}`,
      layout: layoutText(layout),
      rate: summary(rates),
      unit: "images/s",
      against: `${started[0].name}, time an image`,
      ratio: summary(pairedRatios(results[0].rates, rates)),
      cores,
      megabytes,
      note: `${(1000 / median(rates)).toFixed(1)} ms an image, ${megabytes} MB resident, weights and Node included`,
    };
  });
}

export async function growth(context) {
  const rows = [];
  for (const axis of AXES) rows.push(...(await along(axis, context)));
  return rows;
}
