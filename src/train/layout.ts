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

const WARM_UP = 1;
const TIMED = 3;
const SHARE = 1 / 25; // of a run's steps that measuring may take

/** How a run's layout is chosen. */
export interface LayoutOptions {
  readonly workers?: number | undefined;
  readonly threads?: number | undefined;
  /** Of the run. */
  readonly steps: number;
  /** Ends measuring. */
  readonly signal?: AbortSignal | undefined;
  /** Told what is measured and what came out. */
  readonly onRemark?: ((text: string) => void) | undefined;
}

/**
 * The layout of a run: the one that options name, else the one that was measured on this machine for such a step, else, for
 * a run that is long enough (200 steps on two cores), measured now and kept for the next; the usual one where there is
 * nothing to choose.
 */
export async function chooseLayout(task: Spread, options: LayoutOptions): Promise<Layout> {
  const [cores, micros] = [coreCount(), microsOf(task)];
  const candidates = candidateLayouts(cores, micros, task.wide);
  if (options.workers !== undefined || options.threads !== undefined) {
    const workers = Math.min(micros, options.workers ?? candidates[0].workers);
    return { workers, threads: options.threads ?? Math.max(1, Math.floor(cores / workers)) };
  }
  if (candidates.length === 1) return candidates[0];
  const folder = cacheFolder();
  const file = folder && `${folder}/layouts.json`;
  const key = keyOf(task.graphs.micro, micros);
  const kept = file && (await readLayouts(file))[key];
  if (kept) return { ...kept, workers: Math.min(micros, kept.workers) };
  if (options.steps * SHARE < candidates.length * (WARM_UP + TIMED)) return candidates[0];
  options.onRemark?.(`measuring how to spread a step over ${cores} cores, once for such a model on this machine`);
  const measured: [Measured, ...Measured[]] = [[candidates[0], Number.POSITIVE_INFINITY]];
  for (const [i, layout] of candidates.entries()) {
    const best = Math.min(...measured.map(([, ms]) => ms));
    measured[i] = [layout, await timeStep(task, layout, best, options.signal)];
    if (options.signal?.aborted) return candidates[0];
  }
  const chosen = fastestLayout(measured);
  const figures = measured.map(([layout, ms]) => `${layoutText(layout)} ${(ms / 1000).toFixed(2)} s`).join(", ");
  const where = file ? await keepLayout(file, key, chosen) : "";
  options.onRemark?.(`a step takes: ${figures}; from now on ${layoutText(chosen)}${where}`);
  return chosen;
}

const layoutText = ({ workers, threads }: Layout) => `${workers} x ${threads} threads`;

/**
 * Milliseconds of the fastest of a few steps on made-up inputs, of the first one where that is far from the best layout's;
 * parameters stay as they are.
 */
async function timeStep(
  { graphs, inputs, parameters, ...task }: Spread,
  layout: Layout,
  bestMs: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const stepper = await createStepper(graphs, inputs, parameters, layout);
  try {
    const batches = Array.from({ length: microsOf(task) }, () => madeUp(inputs));
    const times: number[] = [];
    for (let i = 0; i < WARM_UP + TIMED && !signal?.aborted; i++) {
      const began = performance.now();
      await stepper.step(batches);
      times.push(performance.now() - began);
      if (times[0]! > 3 * bestMs) return times[0]!;
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

const Layouts = z.record(z.string(), Layout.optional().catch(undefined));

/** What was measured before, where that can be read. */
async function readLayouts(file: string): Promise<Record<string, Layout | undefined>> {
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
