import { BeitError } from "../platform/errors.ts";
import { type Random, random } from "../tensor/random.ts";
import { sizeOf, type Tensor, zeros } from "../tensor/tensor.ts";
import { type MimeticOptions, mimeticAttention } from "./mimetic.ts";
import { extraRows } from "./position.ts";
import { fillTruncatedNormal } from "./truncated-normal.ts";

/**
 * Where fresh weights come from:
 * - `"pretrain"`: unilm's masked image modelling; normal cut at ± one standard deviation, so the effective one is 0.54
 *   of `initializerRange`.
 * - `"finetune"`: unilm's classifier; practically uncut, patch projection as torch leaves a convolution, tiny head.
 * - `"huggingface"`: transformers' BEiT; plain normal, tokens and positions zero, no scaling with depth.
 * - `"mimetic"`: as `"finetune"`, attention by Trockman & Kolter 2023: for training from scratch.
 */
export type InitLaw = "pretrain" | "finetune" | "huggingface" | "mimetic";

/** How parameters start. */
export interface InitOptions {
  readonly law: InitLaw;
  /** A parameter's values depend on this and its name (or its layer, when mimetic), not on the other parameters. */
  readonly seed: number;
  /** Standard deviation before cutting; 0.02 by default. */
  readonly initializerRange?: number;
  /** lambda_1 and lambda_2; 0.1 by default, 1e-5 for large models. */
  readonly layerScaleInit?: number;
  /** Factor on the classifier's weights under `"finetune"` and `"mimetic"`; 0.001 by default. */
  readonly headScale?: number;
  /** Attention heads; needed by `"mimetic"`. */
  readonly numHeads?: number;
  readonly mimetic?: MimeticOptions;
  /**
   * Relative position tables start as a preference for near patches instead of zero: −(dy² + dx²) / 2σ² with σ of 1, 2,
   * 4 … patches for one head after another (d'Ascoli et al. 2021, ConViT, in the terms of a bias). For training from
   * scratch on few images.
   */
  readonly locality?: boolean;
}

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>;
type Fill = (out: Float32Array, std: number, stream: Random) => void;

interface Law {
  readonly weight: Fill;
  readonly token: Fill;
  /** Undefined: torch's default of a convolution, for its bias as well. */
  readonly patch: Fill | undefined;
  readonly smallHead: boolean;
  readonly scaledByDepth: boolean;
}

const zero: Fill = (out) => out.fill(0);
const normal: Fill = (out, std, stream) => {
  for (let i = 0; i < out.length; i++) out[i] = std * stream.normal();
};
const cutAtSigma: Fill = (out, std, stream) => fillTruncatedNormal(out, std, std, stream); // modeling_pretrain.py trunc_normal_
const cutAtTwo: Fill = (out, std, stream) => fillTruncatedNormal(out, std, 2, stream); // timm trunc_normal_'s default bounds

const pretrain: Law = {
  weight: cutAtSigma,
  token: cutAtSigma,
  patch: cutAtSigma,
  smallHead: false,
  scaledByDepth: true,
};
const finetune: Law = { weight: cutAtTwo, token: cutAtTwo, patch: undefined, smallHead: true, scaledByDepth: true };
const huggingface: Law = { weight: normal, token: zero, patch: normal, smallHead: false, scaledByDepth: false };
const laws: Record<InitLaw, Law> = { pretrain, finetune, huggingface, mimetic: finetune };

function scaleBy(out: Float32Array, factor: number): void {
  for (let i = 0; i < out.length; i++) out[i]! *= factor;
}

/** torch.nn.Conv2d's default, kaiming_uniform_(a = sqrt 5): U(±1 / sqrt(fan in)), for weight and bias. */
function fillConvolution(out: Float32Array, name: string, shapes: Shapes, stream: Random): void {
  const weight = shapes.get(name.replace(/bias$/, "weight"))?.shape;
  if (!weight) {
    const message = `${name}: its range follows from the shape of ${name.replace(/bias$/, "weight")}, which is missing`;
    throw new BeitError("beit/init-shape", message);
  }
  const bound = 1 / Math.sqrt(sizeOf(weight.slice(1)));
  for (let i = 0; i < out.length; i++) out[i] = stream.uniform(-bound, bound);
}

/** The linear weights of blocks, heads and anything else that multiplies. */
function fillWeight(out: Float32Array, name: string, law: Law, std: number, headScale: number, stream: Random): void {
  law.weight(out, std, stream);
  if (law.smallHead && name === "classifier.weight") scaleBy(out, headScale);
  // unilm fix_init_weight: attention.output.dense and output.dense of block i
  const block = /encoder\.layer\.(\d+)\.(?:attention\.)?output\.dense\.weight$/.exec(name);
  if (law.scaledByDepth && block) scaleBy(out, 1 / Math.sqrt(2 * (Number(block[1]) + 1)));
}

function fill(out: Float32Array, name: string, shapes: Shapes, options: InitOptions): void {
  const { initializerRange = 0.02, layerScaleInit = 0.1, headScale = 0.001 } = options;
  const law = laws[options.law];
  const stream = random(options.seed, name);
  const dimensions = shapes.get(name)!.shape.length;
  if (/lambda_[12]$/.test(name)) out.fill(layerScaleInit);
  else if (name.endsWith("relative_position_bias_table")) out.fill(0);
  else if (/(cls_token|mask_token|position_embeddings)$/.test(name)) law.token(out, initializerRange, stream);
  else if (!law.patch && name.includes("patch_embeddings.projection.")) fillConvolution(out, name, shapes, stream);
  else if (name.endsWith(".bias")) out.fill(0);
  else if (name.endsWith(".weight") && dimensions === 1)
    out.fill(1); // LayerNorm
  else if (name.includes("patch_embeddings.projection.")) law.patch!(out, initializerRange, stream);
  else if (name.endsWith(".weight")) fillWeight(out, name, law, initializerRange, headScale, stream);
  else throw new BeitError("beit/init-name", `${name}: expected a BEiT parameter by its Hugging Face name`);
}

/** Overwrites attention weights and lambda_1 of every block that has all four weights. */
function fillMimetic(values: ReadonlyMap<string, Tensor<"float32">>, options: InitOptions): void {
  const { numHeads, seed, mimetic = {} } = options;
  for (const [name, query] of values) {
    const prefix = /^(.*encoder\.layer\.\d+\.)attention\.attention\.query\.weight$/.exec(name)?.[1];
    if (prefix === undefined) continue;
    const width = query.shape[0]!;
    if (!numHeads || width % numHeads !== 0) {
      const message = `mimetic initialisation: expected numHeads dividing the width ${width}, got ${numHeads}`;
      throw new BeitError("beit/init-heads", message);
    }
    const weights = mimeticAttention(width, numHeads, random(seed, prefix, "mimetic"), mimetic);
    query.data.set(weights.query);
    values.get(`${prefix}attention.attention.key.weight`)?.data.set(weights.key);
    values.get(`${prefix}attention.attention.value.weight`)?.data.set(weights.value);
    values.get(`${prefix}attention.output.dense.weight`)?.data.set(weights.output);
    values.get(`${prefix}lambda_1`)?.data.fill(mimetic.attentionLayerScale ?? 1);
  }
}

/** Fills every relative position table of a square window with a Gaussian preference for near patches. */
function fillLocality(values: ReadonlyMap<string, Tensor<"float32">>): void {
  for (const [name, { data, shape }] of values) {
    if (!name.endsWith("relative_position_bias_table")) continue;
    const [rows, heads] = shape as [number, number];
    const side = Math.sqrt(rows - extraRows); // 2 W − 1 offsets an axis
    if (!Number.isInteger(side)) {
      throw new BeitError("beit/init-shape", `${name}: locality needs a square window, got ${rows} rows`);
    }
    for (let row = 0; row < side * side; row++) {
      const dy = Math.floor(row / side) - (side - 1) / 2;
      const dx = (row % side) - (side - 1) / 2;
      for (let h = 0; h < heads; h++) data[row * heads + h] = -(dy * dy + dx * dx) / (2 * 4 ** (h % 4));
    }
  }
}

/**
 * Initial values of parameters given by Hugging Face name and shape.
 * @throws BeitError `beit/init-name` for a name that is no BEiT parameter; `beit/init-shape` when a patch projection's
 * bias comes without its weight; `beit/init-heads` when `"mimetic"` lacks a head count that divides the width
 * @see microsoft/unilm beit/modeling_pretrain.py and modeling_finetune.py _init_weights, fix_init_weight; transformers
 * modeling_beit.py BeitPreTrainedModel._init_weights
 */
export function initialValues(shapes: Shapes, options: InitOptions): Map<string, Tensor<"float32">> {
  const values = new Map<string, Tensor<"float32">>();
  for (const [name, { shape }] of shapes) {
    const tensor = zeros(shape);
    fill(tensor.data, name, shapes, options);
    values.set(name, tensor);
  }
  if (options.law === "mimetic") fillMimetic(values, options);
  if (options.locality) fillLocality(values);
  return values;
}
