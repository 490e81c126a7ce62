// Forward, and forward with backward, as a share of the ceiling.
import { forwardMacs } from "../../dist/beit/flops.js";
import { interleave, startContender } from "../contender.mjs";
import { configOf } from "../graphs.mjs";
import { pairedRatios, summary } from "../statistics.mjs";
import { layoutText, startProduct } from "./gemm.mjs";

/** The shares that must be reached; micro-batches and layouts as `beit train` chooses them. */
const casesOf = (cores) => [
  { preset: "tiny", batch: 4, lanes: cores, threads: 1, floor: 0.65 },
  { preset: "base", batch: 8, lanes: 1, threads: cores, floor: 0.75 },
];

async function sharesOf({ preset, batch, floor, ...layout }, context) {
  const flops = 2 * forwardMacs(configOf(preset)) * batch * layout.lanes;
  const start = (kind) => startContender(`${preset} ${kind}`, { workload: "graph", kind, preset, batch, ...layout });
  const entries = [
    await startProduct(context.ceilings.packed),
    await startProduct(context.ceilings.plain),
    { contender: await start("forward"), work: flops },
    { contender: await start("micro"), work: 3 * flops },
  ];
  const [packed, plain, forward, micro] = await interleave(entries, context);
  for (const { contender } of entries) await contender.close();
  const row = (what, { rates, cores }, against, ceiling, extra) => ({
    what: `${preset}, ${batch} x 224 px: ${what}`,
    layout: layoutText(layout),
    rate: summary(rates.map((rate) => rate / 1e9)),
    unit: "GFLOP/s",
    against,
    ratio: summary(pairedRatios(rates, ceiling.rates)),
    cores,
    ...extra,
  });
  return [
    row("forward", forward, "packed product", packed),
    row("forward + backward", micro, "plain product", plain, { floor }),
  ];
}

export async function passes(context) {
  const rows = [];
  for (const options of casesOf(context.cores)) rows.push(...(await sharesOf(options, context)));
  return rows;
}
