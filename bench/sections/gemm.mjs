// This machine's ceiling: the best rate at which onnxruntime multiplies large fp32 matrices.
import { interleave, startContender } from "../contender.mjs";
import { productFlops } from "../graphs.mjs";
import { median, summary } from "../statistics.mjs";

const SHAPES = [
  { m: 1024, k: 1024, n: 1024 },
  { m: 2048, k: 2048, n: 2048 },
  { m: 788, k: 192, n: 768 },
  { m: 788, k: 768, n: 3072 },
  { m: 1576, k: 768, n: 3072 },
];

/** One session with all cores in an operator, or one single-threaded session per core. */
const layoutsOf = (cores) => [
  { lanes: 1, threads: 1 },
  ...(cores > 1
    ? [
        { lanes: 1, threads: cores },
        { lanes: cores, threads: 1 },
      ]
    : []),
];

export const layoutText = ({ lanes, threads }) => `${lanes} x ${threads}`;

/** A contender that multiplies, with the work of one run. */
export async function startProduct({ shape, packed, lanes, threads }) {
  const options = { workload: "graph", kind: "product", ...shape, packed, lanes, threads };
  const contender = await startContender(`product ${shape.m} x ${shape.k} x ${shape.n}`, options);
  return { contender, work: lanes * productFlops(shape) };
}

async function bestOf(layout, packed, { rounds, seconds }) {
  const entries = [];
  for (const shape of SHAPES) entries.push(await startProduct({ shape, packed, ...layout }));
  const results = await interleave(entries, { rounds, seconds: seconds / 5 });
  for (const { contender } of entries) await contender.close();
  const medians = results.map(({ rates }) => median(rates));
  const best = medians.indexOf(Math.max(...medians));
  return { ...layout, packed, shape: SHAPES[best], ...results[best] };
}

const faster = (a, b) => (median(b.rates) > median(a.rates) ? b : a);

/**
 * Rows of the ceilings; sets `context.ceilings`: the fastest product on all cores, of `packed` weights, which prediction
 * is compared with, and of `plain` ones, which training is.
 */
export async function gemm(context) {
  const found = [];
  for (const layout of layoutsOf(context.cores)) {
    for (const packed of [true, false]) found.push(await bestOf(layout, packed, context));
  }
  const all = found.filter(({ lanes, threads }) => lanes * threads === context.cores);
  const best = (packed) => all.filter((result) => result.packed === packed).reduce(faster);
  context.ceilings = { packed: best(true), plain: best(false) };
  return found.map(({ shape: { m, k, n }, packed, rates, cores, ...layout }) => ({
    what: `fp32 product, ${packed ? "packed" : "plain"} weights, best shape ${m} x ${k} x ${n}`,
    layout: layoutText(layout),
    rate: summary(rates.map((rate) => rate / 1e9)),
    unit: "GFLOP/s",
    cores,
  }));
}
