import { type BeitConfig, checkConfig, isPreset, presets, type Task } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { resizeParameter } from "../beit/resize-parameters.ts";
import { loadModel, parameterShapes } from "../evaluate/model.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";
import { packagePath } from "../platform/package.ts";
import { sameShape, type Tensor } from "../tensor/tensor.ts";
import { PRETRAINED, type Recipe } from "./recipe.ts";

/** The state of a model before its first step. */
export interface Start {
  readonly config: BeitConfig;
  readonly parameters: Map<string, Tensor<"float32">>;
  /** The checkpoint's parameters that were taken over; the others are fresh. */
  readonly loaded: readonly string[];
  readonly from: string;
}

/** How a run's model differs from the preset or checkpoint it starts from. */
export interface StartOptions {
  readonly task: Task;
  /** The configuration that is trained. */
  readonly configure: (config: BeitConfig) => BeitConfig;
  /** Whether the checkpoint's value of a parameter is wanted; all that fit are by default. */
  readonly wanted?: (name: string, checkpoint: BeitConfig) => boolean;
}

type ModelSettings = Pick<Recipe, "model" | "init" | "seed" | "layerScaleInit" | "locality">;

/**
 * Configuration and parameters that a recipe starts from: a preset with fresh values, or a checkpoint, of which every
 * parameter is taken over that the new model has too, position tables resized. Where the new model has a relative
 * position table for each layer and the checkpoint one for all, each layer gets a copy (unilm run_class_finetuning.py).
 * @throws BeitError `model/unfit` for another number of channels than 3, `model/unknown` when the recipe's model is neither a name nor a file or folder
 */
export async function startModel(recipe: ModelSettings, options: StartOptions): Promise<Start> {
  const { task, configure, wanted = () => true } = options;
  const fresh = (config: BeitConfig) =>
    initialValues(parameterShapes(config, task), {
      law: recipe.init,
      seed: recipe.seed,
      initializerRange: config.initializerRange,
      layerScaleInit: recipe.layerScaleInit ?? config.layerScaleInit,
      locality: recipe.locality,
      numHeads: config.numHeads,
    });
  if (isPreset(recipe.model)) {
    const config = configure(presets[recipe.model]);
    checkConfig(config, "recipe");
    return { config, parameters: fresh(config), loaded: [], from: recipe.model };
  }
  const path = recipe.model === PRETRAINED ? packagePath("models/pretrained") : recipe.model;
  if ((await pathKind(path)) === undefined) {
    const names = [PRETRAINED, ...Object.keys(presets)].join(", ");
    throw new BeitError("model/unknown", `model "${recipe.model}": expected ${names} or the path of a model`);
  }
  const model = await loadModel(path);
  const config = configure(model.config);
  checkConfig(config, "recipe");
  if (config.numChannels !== 3) {
    throw new BeitError("model/unfit", `${path}: takes ${config.numChannels} channels, pictures have 3`);
  }
  const parameters = fresh(config);
  const loaded: string[] = [];
  for (const [name, value] of parameters) {
    const found = model.parameters.get(name) ?? model.parameters.get(sharedName(name));
    if (!found || !wanted(name, model.config)) continue;
    const tensor = resizeParameter(name, found, model.config, config);
    if (!sameShape(tensor.shape, value.shape)) continue;
    value.data.set(tensor.data);
    loaded.push(name);
  }
  return { config, parameters, loaded, from: recipe.model };
}

/** A layer's own relative position table to the one that all layers share; other names stay. */
const sharedName = (name: string): string =>
  name.replace(/layer\.\d+\.attention\.attention\.(relative_position_bias\.relative_position_bias_table)$/, "$1");
