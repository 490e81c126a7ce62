import { type BeitConfig, checkConfig, isPreset, presets } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { resizeParameter } from "../beit/resize-parameters.ts";
import { loadModel, parameterShapes } from "../evaluate/model.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";
import { sameShape, type Tensor } from "../tensor/tensor.ts";
import type { Recipe } from "./recipe.ts";

/** The state of a model before its first step. */
export interface Start {
  readonly config: BeitConfig;
  readonly parameters: Map<string, Tensor<"float32">>;
  /** The checkpoint's parameters that were taken over; the others are fresh. */
  readonly loaded: readonly string[];
  readonly from: string;
}

/**
 * Model and parameters that a recipe starts from: a preset with fresh values, or a checkpoint whose encoder is taken
 * over and whose classifier too where its labels are the data set's.
 * @throws BeitError `model/unknown` when the recipe's model is neither a preset nor a file or folder
 */
export async function startModel(recipe: Recipe, labels: readonly string[]): Promise<Start> {
  const imageSize = [recipe.imageSize, recipe.imageSize] as const;
  const fresh = (config: BeitConfig) =>
    initialValues(parameterShapes(config, "classification"), {
      law: recipe.init,
      seed: recipe.seed,
      initializerRange: config.initializerRange,
      layerScaleInit: recipe.layerScaleInit ?? config.layerScaleInit,
      locality: recipe.locality,
      numHeads: config.numHeads,
    });
  if (isPreset(recipe.model)) {
    const config: BeitConfig = { ...presets[recipe.model], imageSize, labels, dropPathRate: recipe.dropPath };
    checkConfig(config, "recipe");
    return { config, parameters: fresh(config), loaded: [], from: recipe.model };
  }
  if ((await pathKind(recipe.model)) === undefined) {
    const message = `model "${recipe.model}": expected ${Object.keys(presets).join(", ")} or the path of a model`;
    throw new BeitError("model/unknown", message);
  }
  const model = await loadModel(recipe.model);
  const config: BeitConfig = { ...model.config, imageSize, labels, dropPathRate: recipe.dropPath };
  checkConfig(config, "recipe");
  const sameLabels = labels.join("\n") === model.config.labels.join("\n");
  const parameters = fresh(config);
  const loaded: string[] = [];
  for (const [name, value] of parameters) {
    const found = model.parameters.get(name);
    if (!found || (name.startsWith("classifier.") && !sameLabels)) continue;
    const tensor = resizeParameter(name, found, model.config, config);
    if (!sameShape(tensor.shape, value.shape)) continue;
    value.data.set(tensor.data);
    loaded.push(name);
  }
  return { config, parameters, loaded, from: recipe.model };
}
