import { z } from "zod";
import { parseSafetensors, serializeSafetensors } from "../checkpoint/safetensors.ts";
import type { Moments } from "../optim/update.ts";
import { BeitError } from "../platform/errors.ts";
import { readFile, readJson, writeFileAtomic } from "../platform/files.ts";
import { namesIn, removePath, writeFolderAtomic } from "../platform/runs.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { Layout } from "./layout.ts";

const historyEntry = z.object({ step: z.number(), epoch: z.number() }).catchall(z.number());

/** `state.json`: what a run knows besides its arrays. */
const runState = z.object({
  /** As it was when the run began. */
  recipe: z.unknown(),
  labels: z.array(z.string()),
  /** Of the pictures, see {@link TrainingData}. */
  fingerprint: z.string(),
  /** Threads that the bits of a step depend on. */
  layout: Layout,
  /** Optimizer steps done. */
  step: z.number().int().min(0),
  /** Sum of the step losses so far. */
  lossSum: z.number(),
  /** Loss and other figures of the steps since the last report. */
  recent: z.array(z.record(z.string(), z.number())).default([]),
  /** Seconds so far, over all sessions of the run, and those of them spent evaluating and saving. */
  seconds: z.number(),
  pausedSeconds: z.number(),
  /** Entries of `trainer_state.json`. */
  history: z.array(historyEntry),
  best: z.object({ step: z.number(), value: z.number() }).optional(),
});
export type RunState = z.infer<typeof runState>;

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
  const parsed = runState.safeParse(await readJson(`${place}/${STATE}`));
  if (!parsed.success || parsed.data.step !== last) {
    const what = parsed.success ? `step ${parsed.data.step}` : z.prettifyError(parsed.error).replaceAll("\n", " ");
    throw new BeitError("run/damaged", `${place}/${STATE}: expected the state after step ${last}, found ${what}`);
  }
  const { tensors } = parseSafetensors(await readFile(`${place}/${ARRAYS}`), `${place}/${ARRAYS}`);
  const take = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([name, tensor]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), copyOf(tensor as Tensor<"float32">)] as const] : [],
      ),
    );
  const [first, second] = [take("m."), take("v.")];
  const lost = [...first.keys()].find((name) => {
    const length = second.get(name)?.data.length;
    return length !== 0 && length !== first.get(name)!.data.length; // Muon keeps no second moment
  });
  if (lost) throw new BeitError("run/damaged", `${place}/${ARRAYS}: the second moment of ${lost} is missing`);
  const moments = new Map([...first].map(([name, { data }]) => [name, { m: data, v: second.get(name)!.data }]));
  const average = take("average.");
  return { state: parsed.data, parameters: take("parameter."), moments, average: average.size ? average : undefined };
}

/** Arrays of their own: views of the file would keep it in memory, and training writes into them. */
const copyOf = ({ shape, data }: Tensor<"float32">): Tensor<"float32"> => float32(Float32Array.from(data), shape);

/** Folder of the best model so far, beside the checkpoints. */
export const BEST = "best";

/** Removes what a killed process left half-written: checkpoints, and files of the model. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const place of [folder, `${folder}/${BEST}`]) {
    for (const name of await namesIn(place)) {
      if (/^((checkpoint-\d+|\..+)\.[0-9a-f]+|frozen-features)\.tmp$/.test(name)) await removePath(`${place}/${name}`);
    }
  }
}
