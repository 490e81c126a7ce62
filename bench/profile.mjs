// Where a graph's time goes, op by op, after npm run build:
//   node bench/profile.mjs [--kind micro|prepare|finish|forward|int8] [--preset tiny|small|base|large] [--batch 4] [--threads 1] [--runs 12] [--shapes]
// Every kernel counts with its shortest run, so that other work on the machine shows as little as possible.
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import ort from "onnxruntime-node";
import { formatTable } from "../dist/report/table.js";
import { finishGraph, forwardGraph, int8Graph, microGraph, prepareGraph } from "./graphs.mjs";

const text = (value) => ({ type: "string", default: value });
const { values: args } = parseArgs({
  options: {
    kind: text("micro"),
    preset: text("tiny"),
    batch: text("4"),
    threads: text("1"),
    runs: text("12"),
    shapes: { type: "boolean", default: false },
  },
});

const wrap = (tensors) =>
  Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, data, shape }]) => [name, new ort.Tensor(dtype, data, shape)]),
  );

/** Kernel events of all runs in order, as onnxruntime's profiler writes them; milliseconds of the fastest run. */
async function profile({ model, feeds, into }, { threads, runs }) {
  const prefix = `beit-profile-${process.pid}`;
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads,
    graphOptimizationLevel: "disabled",
    enableMemPattern: false,
    enableProfiling: true,
    profileFilePrefix: join(tmpdir(), prefix),
  });
  const [given, targets] = [wrap(feeds), wrap(into)];
  const fetches = Object.fromEntries(session.outputNames.map((name) => [name, targets[name] ?? null]));
  let fastest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await session.run(given, fetches);
    fastest = Math.min(fastest, performance.now() - start);
  }
  session.endProfiling();
  const file = join(
    tmpdir(),
    (await readdir(tmpdir())).find((name) => name.startsWith(prefix)),
  );
  const events = JSON.parse(await readFile(file, "utf8"));
  await rm(file);
  return { kernels: events.filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time")), fastest };
}

const shapesText = (types) => types.map((type) => `[${Object.values(type)[0]}]`).join(" ");

/** Shortest time of every kernel over the runs, in milliseconds. */
function shortest(kernels, runs) {
  const perRun = kernels.length / runs;
  return kernels
    .slice(0, perRun)
    .map(({ args: { op_name: op, input_type_shape: inputs, output_type_shape: outputs } }, i) => ({
      op,
      shapes: `${op} ${shapesText(inputs)} → ${shapesText(outputs)}`,
      ms: Math.min(...Array.from({ length: runs }, (_, run) => kernels[run * perRun + i].dur)) / 1000,
    }));
}

function totals(kernels, key) {
  const groups = new Map();
  for (const kernel of kernels) {
    const { ms, count } = groups.get(kernel[key]) ?? { ms: 0, count: 0 };
    groups.set(kernel[key], { ms: ms + kernel.ms, count: count + 1 });
  }
  return [...groups].sort(([, a], [, b]) => b.ms - a.ms);
}

const runs = Number(args.runs);
const makers = {
  micro: microGraph,
  prepare: prepareGraph,
  finish: finishGraph,
  forward: forwardGraph,
  int8: int8Graph,
};
const graph = await makers[args.kind]({ preset: args.preset, batch: Number(args.batch) });
const { kernels, fastest } = await profile(graph, { threads: Number(args.threads), runs });
const timed = shortest(kernels, runs);
const all = timed.reduce((sum, { ms }) => sum + ms, 0);
const rows = totals(timed, args.shapes ? "shapes" : "op").map(([name, { ms, count }]) => [
  name,
  String(count),
  ms.toFixed(2),
  ((100 * ms) / all).toFixed(1),
]);
const title = `${args.kind} ${args.preset}, batch ${args.batch}, threads ${args.threads}`;
console.log(`${title}: kernels ${all.toFixed(1)} ms, fastest whole run ${fastest.toFixed(1)} ms\n`);
const right = (name) => ({ title: name, align: "right" });
console.log(formatTable([{ title: "op" }, right("times"), right("ms"), right("%")], rows));
