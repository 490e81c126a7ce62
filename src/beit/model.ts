import { add, mul, sub } from "../graph/elementwise.ts";
import { addSamples, gather, takeSamples } from "../graph/indexing.ts";
import { concat, pad, reshape, slice, transpose } from "../graph/layout.ts";
import { matMul, matrixTranspose } from "../graph/matmul.ts";
import { softmax } from "../graph/normalize.ts";
import { reduceMean } from "../graph/reduce.ts";
import { constant, scalar, type Value } from "../graph/value.ts";
import { activations, layerNorm, linear, withNoise } from "../nn/layers.ts";
import type { Scope } from "../nn/scope.ts";
import { float32, int64 } from "../tensor/tensor.ts";
import { type BeitConfig, windowOf } from "./config.ts";
import { dropPathRates, relativePositionIndex, relativePositionRows } from "./position.ts";
import { resizeMatrix } from "./resize-tables.ts";

// Axes: B batch, C channels, H W pixels, P patches, N = P + 1 tokens (first is [CLS]), D width, h heads, d = D/h.
// Tokens are the first axis, [N, B, D]: attention then reads Q, K and V in place, without transposing them.

/**
 * A part of the patches that a training step looks at (PatchDropout, Liu et al. 2022): the same for all images of a
 * micro-batch, so that the position bias is gathered once.
 */
export interface PatchSubset {
  /** int64 [n]: rows of the patches kept, ascending. */
  readonly patches: Value;
  /** int64 [(n+1)²]: rows of the relative position table for every pair of tokens kept, [CLS] first. */
  readonly positions: Value;
}

/** Named intermediates; whatever nobody asks for is never computed. */
export type Taps = Record<string, Value>;

/** What {@link encode} makes of pixels. */
export interface EncoderResult {
  /** [N, B, D], after the final LayerNorm where the configuration has one. */
  readonly tokens: Value;
  readonly taps: Taps;
}

/** [N, B, D] to Hugging Face's [B, N, D]. */
export const batchFirst = (tokens: Value): Value => transpose(tokens, [1, 0, 2]);

/** [CLS] beside the mean over patches, [B, 2D]: the input of the original's linear probe (run_linear_eval.py). */
function probeFeatures(tokens: Value): Value {
  const [N, B, D] = tokens.shape as [number, number, number];
  return concat([reshape(slice(tokens, 0, 0, 1), [B, D]), reduceMean(slice(tokens, 0, 1, N), [0], false)], 1);
}

/** [B, C, H, W] to rows of pixels per patch, [P, B, C·p·p]; patches in row-major order. */
function patchify(pixels: Value, patch: number): Value {
  const [batch, channels, height, width] = pixels.shape as [number, number, number, number];
  const [rows, columns] = [height / patch, width / patch];
  const grid = transpose(reshape(pixels, [batch, channels, rows, patch, columns, patch]), [2, 4, 0, 1, 3, 5]);
  return reshape(grid, [rows * columns, batch, channels * patch * patch]);
}

/** Position embeddings [1, N, D] for the window at hand, token first: [N, 1, D]. */
function absolutePositions(
  scope: Scope,
  config: BeitConfig,
  window: readonly [number, number],
  subset: PatchSubset | undefined,
): Value {
  if (subset) throw new RangeError("absolute positions with a subset of the patches are not supported");
  const [height, width] = windowOf(config);
  const table = scope.parameter("position_embeddings", [1, height * width + 1, config.hiddenSize]);
  const rows = transpose(table, [1, 0, 2]);
  if (height === window[0] && width === window[1]) return rows;
  const matrix = resizeMatrix("absolute-bicubic", [height, width], window);
  const flat = reshape(rows, [height * width + 1, config.hiddenSize]);
  const resized = matMul(constant(float32(matrix.data, matrix.shape)), flat);
  return reshape(resized, [window[0] * window[1] + 1, 1, config.hiddenSize]);
}

/**
 * Patch embedding, mask token, [CLS] and absolute positions, in this order.
 * @param mask float [B, P], 1 where a patch is replaced by the mask token
 * @see transformers v4.57.1 modeling_beit.py, BeitEmbeddings; v4.36 to v4.48 add positions before masking, a bug
 */
function embed(scope: Scope, config: BeitConfig, pixels: Value, mask?: Value, subset?: PatchSubset): Value {
  const { hiddenSize: D, patchSize, numChannels } = config;
  const window = windowOf(config, [pixels.shape[2]!, pixels.shape[3]!]);
  const all = patchify(pixels, patchSize);
  const patches = subset ? gather(all, subset.patches) : all;
  const count = patches.shape[0]!;
  const projection = scope.child("patch_embeddings.projection");
  const kernel = projection.parameter("weight", [D, numChannels, patchSize, patchSize]);
  const weight = matrixTranspose(reshape(kernel, [D, numChannels * patchSize * patchSize]));
  let x = add(matMul(patches, weight), projection.parameter("bias", [D]));
  const maskToken = config.useMaskToken ? scope.parameter("mask_token", [1, 1, D]) : undefined;
  if (mask) {
    if (!maskToken) throw new RangeError("a mask was given, but the configuration has no mask token");
    const m = reshape(transpose(mask, [1, 0]), [count, pixels.shape[0]!, 1]);
    x = add(mul(x, sub(scalar(1), m)), mul(maskToken, m));
  }
  const cls = pad(scope.parameter("cls_token", [1, 1, D]), 0, 0, count);
  const tokens = add(
    pad(x, 0, 1, 0),
    config.useAbsolutePositions ? add(cls, absolutePositions(scope, config, window, subset)) : cls,
  );
  return withNoise(tokens, scope.noise("dropout", tokens.shape, 1, config.hiddenDropout));
}

/** Where a window's relative position bias comes from: rows of the table for every pair of tokens, int64 [N²]. */
interface BiasIndex {
  readonly window: readonly [number, number];
  readonly rows: Value;
  readonly tokens: number;
}

function biasIndex(window: readonly [number, number], subset: PatchSubset | undefined): BiasIndex {
  const tokens = (subset ? subset.patches.shape[0]! : window[0] * window[1]) + 1;
  const rows = subset?.positions ?? constant(int64(relativePositionIndex(window), [tokens * tokens]));
  return { window, rows, tokens };
}

/** Relative position bias [h, N, N] for a window, from its table [(2Wh−1)(2Ww−1)+3, h]. */
function relativePositionBias(scope: Scope, config: BeitConfig, { window, rows, tokens }: BiasIndex): Value {
  const native = windowOf(config);
  let table = scope.parameter("relative_position_bias_table", [relativePositionRows(native), config.numHeads]);
  if (native[0] !== window[0] || native[1] !== window[1]) {
    const matrix = resizeMatrix("hf-bilinear", native, window);
    table = matMul(constant(float32(matrix.data, matrix.shape)), table);
  }
  return reshape(transpose(gather(table, rows), [1, 0]), [config.numHeads, tokens, tokens]);
}

/** Multi-head self-attention on normalised tokens x [N, B, D]; bias [h, N, N] is added after scaling. */
function attention(
  scope: Scope,
  config: BeitConfig,
  x: Value,
  bias: Value | undefined,
  tap: (p: Value) => void,
): Value {
  const [N, B, D] = x.shape as [number, number, number];
  const { numHeads: h } = config;
  const d = D / h;
  const inner = scope.child("attention");
  const heads = (value: Value) => reshape(value, [N, B, h, d]);
  const q = heads(mul(linear(inner.child("query"), x, D), scalar(1 / Math.sqrt(d))));
  const k = heads(linear(inner.child("key"), x, D, { bias: false })); // softmax ignores a bias of the keys
  const v = heads(linear(inner.child("value"), x, D));
  const products = matMul(transpose(q, [1, 2, 0, 3]), transpose(k, [1, 2, 3, 0])); // [B, h, N, N]
  const probabilities = softmax(bias ? add(products, bias) : products);
  tap(probabilities);
  const dropped = withNoise(
    probabilities,
    scope.noise("attention_dropout", probabilities.shape, 0, config.attentionDropout),
  );
  const context = matMul(dropped, transpose(v, [1, 2, 0, 3])); // [B, h, N, d]
  const joined = reshape(transpose(context, [2, 0, 1, 3]), [N, B, D]);
  const y = linear(scope.child("output.dense"), joined, D);
  return withNoise(y, scope.noise("dropout", y.shape, 1, config.hiddenDropout));
}

function feedForward(scope: Scope, config: BeitConfig, x: Value): Value {
  const hidden = activations[config.hiddenAct]!(linear(scope.child("intermediate.dense"), x, config.intermediateSize));
  const y = linear(scope.child("output.dense"), hidden, config.hiddenSize);
  return withNoise(y, scope.noise("dropout", y.shape, 1, config.hiddenDropout)); // none after GELU: unilm modeling_finetune.py
}

/**
 * x + drop_path(λ branch(x)). Samples whose branch is dropped are left out of its work, forward and backward, instead of
 * being multiplied by zero.
 * @param layer where the parameters of the layer are
 */
function residual(
  layer: Scope,
  config: BeitConfig,
  { index, branch }: { readonly index: number; readonly branch: 1 | 2 },
  x: Value,
  body: (x: Value, layer: Scope) => Value,
): Value {
  const scaled = (y: Value) =>
    config.layerScaleInit > 0 ? mul(y, layer.parameter(`lambda_${branch}`, [config.hiddenSize])) : y;
  const rate = dropPathRates(config.dropPathRate, config.numLayers)[index]!;
  const survivors = layer.survivors(`drop_path_${branch}`, x.shape[1]!, rate);
  if (!survivors) return add(x, scaled(body(x, layer)));
  const y = scaled(body(takeSamples(x, 1, survivors.samples), layer.among(survivors)));
  return addSamples(x, 1, survivors.samples, mul(y, scalar(1 / (1 - rate))));
}

/** The lower part of an encoder that is not trained: its first blocks, and everything before them. */
export interface FrozenPart {
  /** Where its parameters are: a scope without noise. */
  readonly scope: Scope;
  readonly blocks: number;
}

/** What all blocks share. */
interface Stack {
  readonly config: BeitConfig;
  readonly window: readonly [number, number];
  readonly subset?: PatchSubset | undefined;
  readonly taps: Taps;
}

/** Blocks `from` to the last, and the final LayerNorm where the configuration has one, on tokens [N, B, D]. */
function blocks(scope: Scope, start: Value, from: number, stack: Stack, frozen?: FrozenPart): Value {
  const { config, window, subset, taps } = stack;
  const encoder = scope.child("encoder");
  const relative = config.useSharedRelativePositionBias || config.useRelativePositionBias;
  const index = relative && from < config.numLayers ? biasIndex(window, subset) : undefined;
  const biasAt = (place: Scope, used: boolean) =>
    used && index ? relativePositionBias(place, config, index) : undefined;
  const shared = biasAt(encoder.child("relative_position_bias"), config.useSharedRelativePositionBias);
  let x = start;
  for (let i = from; i < config.numLayers; i++) {
    const layer = (frozen && i < frozen.blocks ? frozen.scope.child("encoder") : encoder).child(`layer.${i}`);
    const own = biasAt(layer.child("attention.attention.relative_position_bias"), config.useRelativePositionBias);
    const bias = own && shared ? add(own, shared) : (own ?? shared);
    const tap = (probabilities: Value) => {
      taps[`attentions.${i}`] = probabilities;
    };
    x = residual(layer, config, { index: i, branch: 1 }, x, (kept, place) => {
      const normalized = layerNorm(place.child("layernorm_before"), kept, config.layerNormEps);
      return attention(place.child("attention"), config, normalized, bias, tap);
    });
    x = residual(layer, config, { index: i, branch: 2 }, x, (kept, place) =>
      feedForward(place, config, layerNorm(place.child("layernorm_after"), kept, config.layerNormEps)),
    );
    taps[`hidden_states.${i + 1}`] = batchFirst(x);
    taps[`probe_features.${i}`] = probeFeatures(x);
  }
  return config.useMeanPooling ? x : layerNorm(scope.child("layernorm"), x, config.layerNormEps);
}

/**
 * The encoder: pixels [B, C, H, W] to tokens. Any image size is accepted whose sides are multiples of the patch size;
 * sizes other than the configuration's use interpolated position tables (transformers v4.57.1).
 */
export function encode(
  scope: Scope,
  config: BeitConfig,
  pixels: Value,
  options: {
    readonly mask?: Value;
    readonly subset?: PatchSubset | undefined;
    readonly frozen?: FrozenPart | undefined;
  } = {},
): EncoderResult {
  const { mask, subset, frozen } = options;
  const window = windowOf(config, [pixels.shape[2]!, pixels.shape[3]!]);
  const taps: Taps = {};
  const x = embed((frozen?.scope ?? scope).child("embeddings"), config, pixels, mask, subset);
  taps["hidden_states.0"] = batchFirst(x);
  const tokens = blocks(scope, x, 0, { config, window, subset, taps }, frozen);
  taps.last_hidden_state = batchFirst(tokens);
  return { tokens, taps };
}

/** [N, B, D] to [B, D]: LayerNorm of the mean over patches, or the [CLS] token. */
function pool(scope: Scope, config: BeitConfig, tokens: Value): Value {
  const [N, B, D] = tokens.shape as [number, number, number];
  if (!config.useMeanPooling) return reshape(slice(tokens, 0, 0, 1), [B, D]);
  return layerNorm(
    scope.child("pooler.layernorm"),
    reduceMean(slice(tokens, 0, 1, N), [0], false),
    config.layerNormEps,
  );
}

/** Image classification: `logits` [B, K]. */
export function classify(
  scope: Scope,
  config: BeitConfig,
  pixels: Value,
  options: { readonly subset?: PatchSubset | undefined; readonly frozen?: FrozenPart | undefined } = {},
): { logits: Value; taps: Taps } {
  const encoder = scope.child("beit");
  const { tokens, taps } = encode(encoder, config, pixels, options);
  const pooled = pool(encoder, config, tokens);
  taps.pooled_output = pooled;
  return { logits: linear(scope.child("classifier"), pooled, config.labels.length), taps };
}

/**
 * The same from what block `from` reads on, [B, N, D]: `hidden_states.{from}`. Behind the last block two tokens do, [CLS] and
 * the mean of the patches, since only these are looked at.
 */
export function classifyTokens(scope: Scope, config: BeitConfig, tokens: Value, from: number): Value {
  const encoder = scope.child("beit");
  const x = blocks(encoder, transpose(tokens, [1, 0, 2]), from, { config, window: windowOf(config), taps: {} });
  return linear(scope.child("classifier"), pool(encoder, config, x), config.labels.length);
}

/** A bare encoder with its pooler: `pooled` [B, D] (Hugging Face's BeitModel). */
export function extract(scope: Scope, config: BeitConfig, pixels: Value): { pooled: Value; taps: Taps } {
  const encoder = scope.child("beit");
  const { tokens, taps } = encode(encoder, config, pixels);
  const pooled = pool(encoder, config, tokens);
  return { pooled, taps: { ...taps, pooled_output: pooled } };
}

/**
 * What stands for a whole picture, [B, D] each: `cls`, the [CLS] token of the last hidden state, and `mean`, the mean over
 * its patches. The one that the configuration pools is Hugging Face's `pooler_output`, with its LayerNorm where it has one.
 */
export function features(scope: Scope, config: BeitConfig, pixels: Value): { cls: Value; mean: Value } {
  const encoder = scope.child("beit");
  const { tokens } = encode(encoder, config, pixels);
  const [N, B, D] = tokens.shape as [number, number, number];
  const pooled = pool(encoder, config, tokens);
  if (!config.useMeanPooling) return { cls: pooled, mean: reduceMean(slice(tokens, 0, 1, N), [0], false) };
  return { cls: reshape(slice(tokens, 0, 0, 1), [B, D]), mean: pooled };
}

/**
 * Masked image modelling.
 * @param mask float [B, P], 1 where masked; nothing is without it
 * @param rows int64 [M]: p·B + b of every position to predict; the head is evaluated there only
 * @returns `logits` [B, P, V] and `maskedLogits` [M, V]; ask for what you need
 */
export function predictVisualTokens(
  scope: Scope,
  config: BeitConfig,
  pixels: Value,
  mask?: Value,
  rows?: Value,
): { logits: Value; maskedLogits: Value | undefined; taps: Taps } {
  const { tokens, taps } = encode(scope.child("beit"), config, pixels, mask ? { mask } : {});
  const [N, B, D] = tokens.shape as [number, number, number];
  const normalized = layerNorm(scope.child("layernorm"), tokens, config.layerNormEps);
  taps.last_hidden_state_normed = batchFirst(normalized);
  const patches = slice(normalized, 0, 1, N);
  const head = scope.child("lm_head");
  const logits = batchFirst(linear(head, patches, config.vocabSize));
  if (!rows) return { logits, maskedLogits: undefined, taps };
  const picked = gather(reshape(patches, [(N - 1) * B, D]), rows);
  return { logits, maskedLogits: linear(head, picked, config.vocabSize), taps };
}
