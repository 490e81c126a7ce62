import { features } from "../beit/model.ts";
import { concat } from "../graph/layout.ts";
import { inferenceGraphs } from "../graph/training.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { BeitError } from "../platform/errors.ts";
import { evaluate } from "../session/session.ts";
import type { Model } from "./model.ts";
import { type Predictor, type PredictorOptions, startPredictor } from "./predictor.ts";

/** How the tokens of a picture become one vector. */
export const poolings = ["cls", "mean"] as const;
export type Pooling = (typeof poolings)[number];

/** The encoder as an ONNX model: `pixel_values` [batch, C, H, W] → `features` [batch, 2D], [CLS] before mean. */
async function featureModel({ config, parameters }: Model): Promise<Uint8Array> {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [-1, config.numChannels, ...config.imageSize]);
  const { cls, mean } = features(createScope(trace), config, pixels);
  const { prepare, forward } = inferenceGraphs({ features: concat([cls, mean], 1) });
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const prepared = await evaluate(prepare, Object.fromEntries(used));
  return encodeModel(
    toModel(forward, { name: "beit-features", weights: new Map([...used, ...Object.entries(prepared)]) }),
  );
}

/**
 * Compiles the encoder of a model and starts its threads; {@link pooledFeatures} reads a picture's row.
 * @throws BeitError `model/no-features` for a pre-training model, which has no pooler; as `createPredictor`
 */
export async function createFeatureExtractor(model: Model, options: PredictorOptions = {}): Promise<Predictor> {
  if (model.task === "masked-image-modelling") {
    const message = `${model.name}: is a model of ${model.task}, expected a classifier or an encoder with its pooler`;
    throw new BeitError("model/no-features", message);
  }
  return startPredictor(model, await featureModel(model), 2 * model.config.hiddenSize, options);
}

/** The features [D] of one kind in a picture's row [2D]. */
export function pooledFeatures(row: Float32Array, pooling: Pooling): Float32Array {
  const half = row.length / 2;
  return pooling === "cls" ? row.subarray(0, half) : row.subarray(half);
}
