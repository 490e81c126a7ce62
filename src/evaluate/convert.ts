import { type BeitConfig, checkConfig, serializeConfig } from "../beit/config.ts";
import { resizeParameter } from "../beit/resize-parameters.ts";
import type { FloatDType } from "../checkpoint/dtype.ts";
import type { ModelFolderContent } from "../checkpoint/folder.ts";
import { processorOfSize, serializeImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import type { Model } from "./model.ts";

/**
 * The same model for another input size: position tables resized, and the processor with them.
 * @throws BeitError `config/invalid` when the size is not a multiple of the patch size; `beit/table-too-small` when the
 * model has fewer than 3 patches a side to interpolate between
 */
export function withImageSize(model: Model, imageSize: readonly [height: number, width: number]): Model {
  const [height, width] = imageSize;
  const config: BeitConfig = { ...model.config, imageSize };
  checkConfig(config, model.name);
  const parameters = [...model.parameters].map(([name, tensor]) => {
    return [name, resizeParameter(name, tensor, model.config, config)] as const;
  });
  const processor = processorOfSize(model.processor, { height, width });
  return { ...model, config, processor, parameters: new Map(parameters) };
}

/** What a model is stored as when nobody says: as it was, float32 where that is not one format. */
export function storedDType({ source: { dtypes } }: Model): FloatDType {
  const [only] = dtypes;
  return dtypes.length === 1 && (only === "float16" || only === "bfloat16") ? only : "float32";
}

/**
 * The Hugging Face folder of a model, its card included, with the weights as `dtype`.
 * @throws BeitError `convert/overflow` naming the first parameter with a value beyond float16's range
 */
export function modelFolderContent(model: Model, dtype: FloatDType): ModelFolderContent {
  if (dtype === "float16") requireFloat16Range(model);
  const { config, task, processor, parameters, source } = model;
  return {
    config: { ...serializeConfig(config, task), torch_dtype: dtype },
    processor: serializeImageProcessor(processor),
    tensors: parameters,
    dtype,
    ...(source.card === undefined ? {} : { card: source.card }),
  };
}

const FLOAT16_END = 65520; // from here on numbers round to infinity: IEEE 754-2019, section 4.3.1

function requireFloat16Range({ name: path, parameters }: Model): void {
  for (const [name, { data }] of parameters) {
    const beyond = data.find((value) => Math.abs(value) >= FLOAT16_END && Number.isFinite(value));
    if (beyond === undefined) continue;
    const message = `${path}: ${name} holds ${beyond}, beyond float16's 65504; bfloat16 can hold it`;
    throw new BeitError("convert/overflow", message);
  }
}
