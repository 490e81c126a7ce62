import { z } from "zod";
import type { Outputs } from "../graph/rewrite.ts";
import type { Value } from "../graph/value.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { digest, readJson, writeFileAtomic } from "../platform/files.ts";
import { cacheFolder, coreCount, processorName } from "../platform/machine.ts";
import { packageVersion } from "../platform/package.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { createStepper, type MicroBatch } from "./stepper.ts";
import type { Task } from "./task.ts";

/** How a step is spread over the cores: sessions that run beside each other, and threads inside the operators of each. */
export const Layout = z.object({ workers: z.number().int().positive(), threads: z.number().int().positive() });
export type Layout = Readonly<z.infer<typeof Layout>>;

/** What is asked about a task to choose its layout. */
export type Spread = Pick<
  Task<unknown, unknown>,
  "recipe" | "microBatch" | "wide" | "graphs" | "inputs" | "parameters"
>;

const microsOf = ({ recipe, microBatch }: Pick<Spread, "recipe" | "microBatch">) => recipe.batchSize / microBatch;

/**
 * The layouts worth trying, the usual one first. Narrow models usually run as a single-threaded worker a core, wide ones,
 * whose weights and gradients each worker has for itself, always as one (docs/decisions/0005). From four cores on, half of
 * them may be second threads of the others, which products gain nothing from.
 */
export function candidateLayouts(cores: number, micros: number, wide: boolean): readonly [Layout, ...Layout[]] {
  const counts = [cores, ...Array.from({ length: 10 }, (_, i) => 2 ** (9 - i))].filter((n) => n <= cores);
  const of = (used: number) =>
    (wide ? [1] : counts.filter((n) => n <= used)).map((n) => {
      const workers = Math.min(micros, n);
      return { workers, threads: Math.max(1, Math.floor(used / workers)) };
    });
  const all = [...of(cores), ...(cores >= 4 ? of(Math.floor(cores / 2)) : [])];
  const distinct = new Map(all.map((layout) => [`${layout.workers} x ${layout.threads}`, layout]));
  return [...distinct.values()] as [Layout, ...Layout[]];
}

/** A layout and what a step of it took, in milliseconds. */
export type Measured = readonly [layout: Layout, ms: number];

const GAIN = 0.95; // another layout than the usual one is taken from this share of its time on: less may be noise

/** The usual layout, which is measured first, unless another is clearly faster. */
export function fastestLayout(measured: readonly [Measured, ...Measured[]]): Layout {
  const [usual, usualMs] = measured[0];
  const [best, ms] = measured.reduce((a, b) => (b[1] < a[1] ? b : a));
  return ms <= GAIN * usualMs ? best : usual;
}

const STEPS = 200; // a run of fewer is not worth the steps that measuring takes
const WARM_UP = 1;
const TIMED = 3;

/**
 * The layout of a new run: the one that options name, else the one that was measured on this machine for such a step, else,
 * for a run of at least 200 steps, measured now and kept for the next; the usual one where there is nothing to choose.
 * @param steps of the run
 * @param onRemark told what is measured and what came out
 */
export async function chooseLayout(
  task: Spread,
  given: { readonly workers?: number; readonly threads?: number },
  steps: number,
  onRemark: (text: string) => void = () => undefined,
): Promise<Layout> {
  const [cores, micros] = [coreCount(), microsOf(task)];
  const candidates = candidateLayouts(cores, micros, task.wide);
  if (given.workers !== undefined || given.threads !== undefined) {
    const workers = Math.min(micros, given.workers ?? candidates[0].workers);
    return { workers, threads: given.threads ?? Math.max(1, Math.floor(cores / workers)) };
  }
  if (candidates.length === 1) return candidates[0];
  const file = `${cacheFolder()}/layouts.json`;
  const key = keyOf(task.graphs.micro, micros);
  const kept = await readLayouts(file);
  if (kept[key]) return kept[key];
  if (steps < STEPS) return candidates[0];
  onRemark(`measuring how to spread a step over ${cores} cores, once for such a model on this machine`);
  const measured: Measured[] = [];
  for (const layout of candidates) measured.push([layout, await timeStep(task, layout)]);
  const chosen = fastestLayout(measured as [Measured, ...Measured[]]);
  const figures = measured.map(([layout, ms]) => `${layoutText(layout)} ${(ms / 1000).toFixed(2)} s`).join(", ");
  const where = await keepLayout(file, key, chosen);
  onRemark(`a step takes: ${figures}; from now on ${layoutText(chosen)}${where}`);
  return chosen;
}

const layoutText = ({ workers, threads }: Layout) => `${workers} x ${threads} threads`;

/** Milliseconds of the fastest of a few steps on made-up inputs; parameters stay as they are. */
async function timeStep({ graphs, inputs, parameters, ...task }: Spread, layout: Layout): Promise<number> {
  const stepper = await createStepper(graphs, inputs, parameters, layout);
  try {
    const batches = Array.from({ length: microsOf(task) }, () => madeUp(inputs));
    const times: number[] = [];
    for (let i = 0; i < WARM_UP + TIMED; i++) {
      const began = performance.now();
      await stepper.step(batches);
      times.push(performance.now() - began);
    }
    return Math.min(...times.slice(WARM_UP));
  } finally {
    await stepper.close();
  }
}

const madeUp = (inputs: readonly Value[]): MicroBatch =>
  Object.fromEntries(
    inputs.map(({ node, shape, dtype }) => [
      node.attributes.name as string,
      dtype === "int64" ? new BigInt64Array(sizeOf(shape)) : new Float32Array(sizeOf(shape)).fill(0.5),
    ]),
  );

/** Stands for all that the time of a step depends on. */
const keyOf = (micro: Outputs, micros: number) =>
  digest(
    JSON.stringify([processorName(), coreCount(), process.versions.node, packageVersion(), micros]),
    encodeModel(toModel(micro, { name: "micro" })),
  );

const Layouts = z.record(z.string(), Layout);

/** What was measured before; nothing where the file is missing or not what it was. */
async function readLayouts(file: string): Promise<Record<string, Layout>> {
  const content = await readJson(file).catch(() => ({}));
  return Layouts.safeParse(content).data ?? {};
}

const MOST = 200;

/** @returns where it is kept, or why it is not */
async function keepLayout(file: string, key: string, layout: Layout): Promise<string> {
  const entries = Object.entries({ ...(await readLayouts(file)), [key]: layout }).slice(-MOST);
  try {
    await writeFileAtomic(file, `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`);
    return `, kept in ${file}`;
  } catch (error) {
    return ` (not kept: ${(error as Error).message})`;
  }
}
