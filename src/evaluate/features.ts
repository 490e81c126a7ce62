import type { BeitConfig } from "../beit/config.ts";
import { encode, features } from "../beit/model.ts";
import { concat } from "../graph/layout.ts";
import { inferenceGraphs } from "../graph/training.ts";
import type { Value } from "../graph/value.ts";
import { batchInput, createScope, createTrace, type Scope } from "../nn/scope.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { BeitError } from "../platform/errors.ts";
import { evaluate } from "../session/session.ts";
import type { Model } from "./model.ts";
import { type Predictor, type PredictorOptions, startPredictor } from "./predictor.ts";

/** How the tokens of a picture become one vector. */
export const poolings = ["cls", "mean"] as const;
export type Pooling = (typeof poolings)[number];

/** An encoder's graph: `pixel_values` [batch, C, H, W] → one row of numbers a picture. */
type Trunk = (scope: Scope, config: BeitConfig, pixels: Value) => Value;

/** The encoder as an ONNX model. */
async function featureModel({ config, parameters }: Model, trunk: Trunk): Promise<Uint8Array> {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [-1, config.numChannels, ...config.imageSize]);
  const { prepare, forward } = inferenceGraphs({ features: trunk(createScope(trace), config, pixels) });
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
  const pooled: Trunk = (scope, config, pixels) => {
    const { cls, mean } = features(scope, config, pixels);
    return concat([cls, mean], 1);
  };
  return startPredictor(model, await featureModel(model, pooled), 2 * model.config.hiddenSize, options);
}

/**
 * The same for the outputs of blocks, without a LayerNorm behind them: a picture's row is [layers, 2D], in each layer [CLS]
 * before the mean of the patches, as the original's linear probe reads them. Works for models of any task.
 * @param layers from 1, the output of the first block, to the number of blocks
 * @see microsoft/unilm beit/run_linear_eval.py
 */
export async function createLayerExtractor(
  model: Model,
  layers: readonly number[],
  options: PredictorOptions = {},
): Promise<Predictor> {
  const { numLayers, hiddenSize } = model.config;
  const outside = layers.find((layer) => !Number.isInteger(layer) || layer < 1 || layer > numLayers);
  if (outside !== undefined || layers.length === 0) {
    const message = `${model.name}: expected layers from 1 to ${numLayers}, got ${outside ?? "none"}`;
    throw new BeitError("probe/unknown-layer", message);
  }
  const blocks: Trunk = (scope, config, pixels) => {
    const { taps } = encode(scope.child("beit"), config, pixels);
    return concat(
      layers.map((layer) => taps[`probe_features.${layer - 1}`]!),
      1,
    );
  };
  return startPredictor(model, await featureModel(model, blocks), layers.length * 2 * hiddenSize, options);
}

/** The features [D] of one kind in a picture's row [2D]. */
export function pooledFeatures(row: Float32Array, pooling: Pooling): Float32Array {
  const half = row.length / 2;
  return pooling === "cls" ? row.subarray(0, half) : row.subarray(half);
}
