import { serializeConfig } from "../beit/config.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import { loadModel } from "../evaluate/model.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import { serializeImageProcessor } from "../image/processor.ts";
import { parameterGroups } from "../optim/groups.ts";
import { type Moments, zeroMoments } from "../optim/update.ts";
import { BeitError } from "../platform/errors.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { loadCheckpoint, type RunState } from "./checkpoint.ts";
import { parseRecipe, type Recipe } from "./recipe.ts";

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

/** Learning-rate scale and decay of every parameter under a recipe. */
export const groupsOf = (parameters: Parameters, recipe: Recipe, numLayers: number) =>
  parameterGroups(parameters, {
    tradition: recipe.tradition,
    weightDecay: recipe.weightDecay,
    layerDecay: recipe.layerDecay,
    muon: recipe.optimizer === "muon",
    numLayers,
  });

/** The state before the first step. */
export function freshState(
  parameters: Parameters,
  recipe: Recipe,
  origin: Pick<RunState, "labels" | "fingerprint" | "layout">,
  numLayers: number,
): Live {
  return {
    parameters,
    moments: zeroMoments(parameters, groupsOf(parameters, recipe, numLayers)),
    average: recipe.ema === null ? undefined : copyAll(parameters),
    state: {
      recipe,
      ...origin,
      step: 0,
      lossSum: 0,
      recentLosses: [],
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
  recipe: Recipe,
  data: Pick<RunState, "labels" | "fingerprint">,
): Promise<Live | undefined> {
  const checkpoint = await loadCheckpoint(output);
  if (!checkpoint) return undefined;
  const { state } = checkpoint;
  const saved = parseRecipe(state.recipe, {}, `${output}: recipe of its checkpoint`); // keys that came later: their defaults
  const changed = (Object.keys(recipe) as (keyof Recipe)[]).filter(
    (key) => JSON.stringify(recipe[key]) !== JSON.stringify(saved[key]),
  );
  const hint = "give what the run began with, or choose another folder with -o";
  if (changed.length) {
    const message = `${output}: its checkpoint was made with another recipe (${changed.join(", ")} differ); ${hint}`;
    throw new BeitError("run/other-recipe", message);
  }
  if (state.fingerprint !== data.fingerprint) {
    const message = `${output}: its checkpoint was made on other pictures, labels or painting; ${hint}`;
    throw new BeitError("run/other-data", message);
  }
  return {
    parameters: new Map(checkpoint.parameters),
    moments: new Map(checkpoint.moments),
    average: checkpoint.average && new Map(checkpoint.average),
    state,
  };
}

/** Folder of the best model so far, beside the checkpoints. */
export const BEST = "best";

/** Writes the best model so far beside the checkpoints. */
export const saveBest = (output: string, { config, processor, parameters }: TrainedModel): Promise<void> =>
  writeFolder(`${output}/${BEST}`, {
    config: serializeConfig(config, "classification"),
    processor: serializeImageProcessor(processor),
    tensors: parameters,
  });

/** The best model of an earlier session of the run. */
export const loadBest = async (output: string): Promise<TrainedModel> => loadModel(`${output}/${BEST}`);
