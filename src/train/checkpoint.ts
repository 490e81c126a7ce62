import { parseSafetensors, serializeSafetensors } from "../checkpoint/safetensors.ts";
import type { Moments } from "../optim/update.ts";
import { BeitError } from "../platform/errors.ts";
import { readFile, readJson, writeFileAtomic } from "../platform/files.ts";
import { namesIn, removePath, writeFolderAtomic } from "../platform/runs.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { Recipe } from "./recipe.ts";

/** A metric's history entry, as in `trainer_state.json`. */
export interface HistoryEntry {
  readonly step: number;
  readonly epoch: number;
  readonly [key: string]: number;
}

/** What a run knows besides its arrays. */
export interface RunState {
  readonly recipe: Recipe;
  readonly labels: readonly string[];
  /** Optimizer steps done. */
  step: number;
  /** Sum of the step losses so far. */
  lossSum: number;
  /** Losses of the steps since the last report. */
  recentLosses: number[];
  /** Training seconds so far, over all sessions of the run. */
  seconds: number;
  /** Of these, seconds spent evaluating and saving. */
  pausedSeconds: number;
  history: HistoryEntry[];
  best: { step: number; value: number } | undefined;
}

/** Everything that a run needs to go on exactly where it stopped. */
export interface Checkpoint {
  readonly state: RunState;
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
  readonly moments: ReadonlyMap<string, Moments>;
  readonly average: ReadonlyMap<string, Tensor<"float32">> | undefined;
}

const PREFIX = "checkpoint-";
const STATE = "state.json";
const ARRAYS = "state.safetensors";

const checkpointSteps = async (folder: string): Promise<number[]> =>
  (await namesIn(folder))
    .flatMap((name) => (/^checkpoint-\d+$/.test(name) ? [Number(name.slice(PREFIX.length))] : []))
    .sort((a, b) => a - b);

/** Writes a checkpoint beside the older ones, which are removed once it is complete. */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { state, parameters, moments, average } = checkpoint;
  const vector = (data: Float32Array) => float32(data, [data.length]);
  const entries: [string, Tensor][] = [
    ...[...parameters].map(([name, tensor]): [string, Tensor] => [`parameter.${name}`, tensor]),
    ...[...moments].flatMap(([name, { m, v }]): [string, Tensor][] => [
      [`m.${name}`, vector(m)],
      [`v.${name}`, vector(v)],
    ]),
    ...[...(average ?? [])].map(([name, tensor]): [string, Tensor] => [`average.${name}`, tensor]),
  ];
  await writeFolderAtomic(`${folder}/${PREFIX}${state.step}`, async (temporary) => {
    await writeFileAtomic(`${temporary}/${ARRAYS}`, serializeSafetensors(entries));
    await writeFileAtomic(`${temporary}/${STATE}`, JSON.stringify(state, undefined, 2));
  });
  for (const step of await checkpointSteps(folder)) {
    if (step !== state.step) await removePath(`${folder}/${PREFIX}${step}`);
  }
}

/** The newest checkpoint of a run; undefined when it has none. @throws BeitError when it is damaged. */
export async function loadCheckpoint(folder: string): Promise<Checkpoint | undefined> {
  const last = (await checkpointSteps(folder)).at(-1);
  if (last === undefined) return undefined;
  const place = `${folder}/${PREFIX}${last}`;
  const state = (await readJson(`${place}/${STATE}`)) as RunState;
  if (state.step !== last) {
    throw new BeitError("run/damaged", `${place}/${STATE}: expected step ${last}, found ${state.step}`);
  }
  const { tensors } = parseSafetensors(await readFile(`${place}/${ARRAYS}`), `${place}/${ARRAYS}`);
  const take = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), copyOf(tensor as Tensor<"float32">)] as const] : [],
      ),
    );
  const [first, second] = [take("m."), take("v.")];
  const moments = new Map([...first].map(([name, { data }]) => [name, { m: data, v: second.get(name)!.data }]));
  const average = take("average.");
  return { state, parameters: take("parameter."), moments, average: average.size ? average : undefined };
}

/** Arrays of their own: views of the file would keep it in memory, and training writes into them. */
const copyOf = ({ shape, data }: Tensor<"float32">): Tensor<"float32"> => float32(Float32Array.from(data), shape);

/** Removes the checkpoints of a finished run. */
export async function removeCheckpoints(folder: string): Promise<void> {
  for (const step of await checkpointSteps(folder)) await removePath(`${folder}/${PREFIX}${step}`);
}
