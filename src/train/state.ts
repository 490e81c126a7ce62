import { type Moments, zeroMoments } from "../optim/update.ts";
import { BeitError } from "../platform/errors.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { loadCheckpoint, type RunState } from "./checkpoint.ts";
import { share } from "./shared.ts";
import type { Task } from "./task.ts";

export type Parameters = Map<string, Tensor<"float32">>;

/** Everything a training step changes. */
export interface Live {
  readonly parameters: Parameters;
  readonly moments: Map<string, Moments>;
  /** Moving average of the parameters, where the recipe wants one. */
  readonly average: Parameters | undefined;
  readonly state: RunState;
}

/** Copies of tensors that training will go on changing. */
export const copyAll = (tensors: ReadonlyMap<string, Tensor<"float32">>): Parameters =>
  new Map([...tensors].map(([name, { shape, data }]) => [name, float32(Float32Array.from(data), shape)]));

/** Moves arrays into memory that threads share, one after the other: the maps, changed in place, let go of the old ones. */
export function shareLive({ parameters, moments, average }: Omit<Live, "state">): void {
  for (const tensors of [parameters, average ?? new Map()]) {
    for (const [name, { data, shape }] of tensors) tensors.set(name, float32(share(data), shape));
  }
  for (const [name, { m, v }] of moments) moments.set(name, { m: share(m), v: share(v) });
}

/** The state before the first step. */
export function freshState(
  task: Pick<Task<unknown, unknown>, "parameters" | "groups" | "recipe" | "data">,
  layout: RunState["layout"],
): Live {
  const { parameters, groups, recipe, data } = task;
  return {
    parameters,
    moments: zeroMoments(parameters, groups),
    average: recipe.ema === null ? undefined : copyAll(parameters),
    state: {
      recipe,
      labels: [...data.classes],
      fingerprint: data.fingerprint,
      layout,
      step: 0,
      lossSum: 0,
      recent: [],
      seconds: 0,
      pausedSeconds: 0,
      history: [],
      best: undefined,
    },
  };
}

/**
 * The state of the newest checkpoint; undefined when there is none.
 * @throws BeitError `run/other-recipe` or `run/other-data` when it was made by another recipe or on other pictures
 */
export async function resumeFrom(
  output: string,
  { recipe, data, parseRecipe }: Pick<Task<unknown, unknown>, "recipe" | "data" | "parseRecipe">,
): Promise<Live | undefined> {
  const checkpoint = await loadCheckpoint(output);
  if (!checkpoint) return undefined;
  const { state } = checkpoint;
  const hint = "give what the run began with, or choose another folder with -o";
  const changed = differences(recipe, parseRecipe(state.recipe, `${output}: recipe of its checkpoint`));
  if (changed.length) {
    const message = `${output}: its checkpoint was made with another recipe (${changed.join(", ")} differ); ${hint}`;
    throw new BeitError("run/other-recipe", message);
  }
  if (state.fingerprint !== data.fingerprint || state.labels.join("\n") !== data.classes.join("\n")) {
    const message = `${output}: its checkpoint was made on other pictures, labels, painting or tokens; ${hint}`;
    throw new BeitError("run/other-data", message);
  }
  return {
    parameters: new Map(checkpoint.parameters),
    moments: new Map(checkpoint.moments),
    average: checkpoint.average && new Map(checkpoint.average),
    state,
  };
}

/** Keys of a recipe whose values differ. */
const differences = <R extends object>(recipe: R, saved: R): string[] =>
  Object.keys({ ...recipe, ...saved }).filter(
    (key) => JSON.stringify(recipe[key as keyof R]) !== JSON.stringify(saved[key as keyof R]),
  );
