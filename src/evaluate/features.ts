import type { BeitConfig } from "../beit/config.ts";
import { encode, features } from "../beit/model.ts";
import { concat, reshape, slice } from "../graph/layout.ts";
import { reduceMean } from "../graph/reduce.ts";
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

/** What is kept of a picture's tokens: one of them, their mean, both side by side, or all. */
export const featurePoolings = [...poolings, "concat", "tokens"] as const;
export type FeaturePooling = (typeof featurePoolings)[number];

/** Which features of a model. */
export interface FeatureKind {
  readonly pool: FeaturePooling;
  /**
   * K: Hugging Face's `hidden_states[K]`, the output of block K as it is, 0 being the embeddings. Default: the last hidden
   * state with the LayerNorm that the model has behind it, see {@link lastFeatures}.
   */
  readonly layer?: number | undefined;
}

/** What features need of a model. */
type Encoder = Omit<Model, "source">;

/** An encoder's graph: `pixel_values` [batch, C, H, W] → one row of numbers a picture. */
type Trunk = (scope: Scope, config: BeitConfig, pixels: Value) => Value;

/** The encoder as an ONNX model. */
async function featureModel({ config, parameters }: Encoder, trunk: Trunk): Promise<Uint8Array> {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [-1, config.numChannels, ...config.imageSize]);
  const { prepare, forward } = inferenceGraphs({ features: trunk(createScope(trace), config, pixels) });
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const prepared = await evaluate(prepare, Object.fromEntries(used));
  return encodeModel(
    toModel(forward, { name: "beit-features", weights: new Map([...used, ...Object.entries(prepared)]) }),
  );
}

/** [B, N, D] to a row a picture. */
function pooled(tokens: Value, pool: FeaturePooling): Value {
  const [B, N, D] = tokens.shape as [number, number, number];
  const cls = () => reshape(slice(tokens, 1, 0, 1), [B, D]);
  const mean = () => reduceMean(slice(tokens, 1, 1, N), [1], false);
  if (pool === "tokens") return reshape(tokens, [B, N * D]);
  if (pool === "concat") return concat([cls(), mean()], 1);
  return pool === "cls" ? cls() : mean();
}

/**
 * Features of the last hidden state. `tokens` are Hugging Face's `last_hidden_state`. Of `cls` and `mean`, the one that the
 * model pools by is its `pooler_output`: a model of mean pooling has its only final LayerNorm there, behind the mean; one
 * of [CLS] pooling has it before, on all tokens. A pre-training model has no pooler: there both are of `last_hidden_state`.
 */
const lastFeatures =
  ({ task }: Encoder, pool: FeaturePooling): Trunk =>
  (scope, config, pixels) => {
    if (task === "masked-image-modelling" || pool === "tokens") {
      return pooled(encode(scope.child("beit"), config, pixels).taps.last_hidden_state!, pool);
    }
    const { cls, mean } = features(scope, config, pixels);
    if (pool === "concat") return concat([cls, mean], 1);
    return pool === "cls" ? cls : mean;
  };

/** Shape of a picture's features: [D], [2D] for both poolings, [N, D] for tokens. */
export function featureShape({ hiddenSize, imageSize, patchSize }: BeitConfig, pool: FeaturePooling): number[] {
  const [height, width] = imageSize;
  if (pool === "tokens") return [1 + (height / patchSize) * (width / patchSize), hiddenSize];
  return [pool === "concat" ? 2 * hiddenSize : hiddenSize];
}

/**
 * Compiles the encoder of a model of any task, up to the layer asked for, and starts its threads.
 * @throws BeitError `features/unknown-layer`; as `createPredictor`
 */
export async function createFeatureExtractor(
  model: Encoder,
  { pool, layer }: FeatureKind,
  options: PredictorOptions = {},
): Promise<Predictor> {
  const { numLayers } = model.config;
  if (layer !== undefined && !(Number.isInteger(layer) && layer >= 0 && layer <= numLayers)) {
    const message = `${model.name}: expected a layer from 0, the embeddings, to ${numLayers}, got ${layer}`;
    throw new BeitError("features/unknown-layer", message);
  }
  const hidden: Trunk = (scope, config, pixels) =>
    pooled(encode(scope.child("beit"), config, pixels).taps[`hidden_states.${layer}`]!, pool);
  const graph = await featureModel(model, layer === undefined ? lastFeatures(model, pool) : hidden);
  const width = featureShape(model.config, pool).reduce((a, b) => a * b);
  return startPredictor(model, graph, width, options);
}

/**
 * The same for several layers at once, as the original's linear probe reads them: a picture's row is [layers, 2D], in each
 * layer [CLS] before the mean of the patches.
 * @param layers from 1, the output of the first block, to the number of blocks
 * @see microsoft/unilm beit/run_linear_eval.py
 */
export async function createLayerExtractor(
  model: Encoder,
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

/** The features [D] of one kind in a picture's row [2D] of both. */
export function pooledFeatures(row: Float32Array, pooling: Pooling): Float32Array {
  const half = row.length / 2;
  return pooling === "cls" ? row.subarray(0, half) : row.subarray(half);
}
