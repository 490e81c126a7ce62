import { type BeitConfig, windowOf } from "../beit/config.ts";
import { blockMask, randomMask } from "../beit/mask.ts";
import { predictVisualTokens } from "../beit/model.ts";
import { cast, mul, neg, sub } from "../graph/elementwise.ts";
import { argMax, gatherElements } from "../graph/indexing.ts";
import { reshape } from "../graph/layout.ts";
import { logSoftmax } from "../graph/normalize.ts";
import { reduceMean, reduceSum } from "../graph/reduce.ts";
import type { Value } from "../graph/value.ts";
import { batchInput, createScope, createTrace, type NoiseSpec, type Trace } from "../nn/scope.ts";
import { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import { drawNoise } from "./fine-tune-step.ts";
import type { PretrainRecipe } from "./pretrain-recipe.ts";
import type { MicroBatch } from "./stepper.ts";

/** What masked image modelling predicts, and where. */
export interface Masking extends Pick<PretrainRecipe, "target" | "masking"> {
  /** Patches masked at most, and the smallest block drawn. */
  readonly count: number;
  readonly minBlock: number;
}

/** The masking of a recipe for a grid. */
export function maskingOf(recipe: PretrainRecipe, config: BeitConfig): Masking {
  const [rows, columns] = windowOf(config);
  const part = (of: number) => Math.max(1, Math.round((of / 196) * rows * columns)); // 196 = 14 × 14, the original's
  const { target, masking, maskedPatches = part(75), minBlock = part(16) } = recipe;
  return { target, masking, count: maskedPatches, minBlock: Math.min(minBlock, maskedPatches) };
}

/** Values of a patch: what the head predicts where its pixels are the target. */
export const patchValues = ({ numChannels, patchSize }: BeitConfig): number => numChannels * patchSize ** 2;

/**
 * The step traced: the loss of `microBatch` pictures, a sum over the masked patches with the weights given, and for the
 * target "tokens" the codes `predicted` [M]. M is the number of patches masked at most; those not masked weigh nothing.
 */
export function tracePretraining(config: BeitConfig, masking: Masking, microBatch: number, training: boolean) {
  const trace = createTrace();
  const [height, width] = config.imageSize;
  const [rows, columns] = windowOf(config);
  const M = microBatch * masking.count;
  const pixels = batchInput(trace, "pixel_values", [microBatch, config.numChannels, height, width]);
  const mask = batchInput(trace, "bool_masked_pos", [microBatch, rows * columns]);
  const places = batchInput(trace, "masked_rows", [M], "int64");
  const weights = batchInput(trace, "weights", [M]);
  const { maskedLogits } = predictVisualTokens(createScope(trace, training), config, pixels, mask, places);
  const parts = masking.target === "tokens" ? tokenLoss(trace, maskedLogits!) : pixelLoss(trace, maskedLogits!);
  const { each, ...others } = parts;
  return { trace, outputs: { loss: reduceSum(mul(each, weights), [0], false), ...others } };
}

/** Cross-entropy of every masked patch [M] against its visual token. */
function tokenLoss(trace: Trace, logits: Value): { each: Value; predicted: Value } {
  const M = logits.shape[0]!;
  const labels = batchInput(trace, "labels", [M], "int64");
  const picked = gatherElements(logSoftmax(logits), reshape(labels, [M, 1]));
  return { each: neg(reshape(picked, [M])), predicted: cast(argMax(logits), "float32") };
}

/** Mean squared error of every masked patch [M] against its normalised pixels. */
function pixelLoss(trace: Trace, predicted: Value): { each: Value } {
  const difference = sub(predicted, batchInput(trace, "patches", predicted.shape));
  return { each: reduceMean(mul(difference, difference), [1], false) };
}

/** Pictures of a step or an evaluation. */
export interface MaskedBatch {
  /** [B, 3, H, W], normalised. */
  readonly pixels: Float32Array;
  /** Visual tokens [B, P]; absent where pixels are the target. */
  readonly tokens?: BigInt64Array | undefined;
  /** Key of the random streams of every picture: mask and drop-path. */
  readonly keys: readonly (readonly (number | string)[])[];
  /** Pictures of which nothing is masked, so that they count for nothing. */
  readonly blank?: ReadonlySet<number>;
}

/** Micro-batches, and the visual tokens that each is to predict, as many as are masked. */
export interface MaskedMicroBatches {
  readonly micros: MicroBatch[];
  readonly labels: readonly BigInt64Array[];
}

/**
 * Draws the masks of a batch and cuts it into micro-batches. Weights are such that the mean of the micro-batches' losses is
 * the mean over all masked patches of the batch, of which pictures have different numbers.
 * @throws BeitError `recipe/nothing-masked` when no block could be laid in any picture
 */
export function maskedMicroBatches(
  batch: MaskedBatch,
  config: BeitConfig,
  options: { masking: Masking; microBatch: number; noise: readonly NoiseSpec[] },
): MaskedMicroBatches {
  const { masking, microBatch, noise } = options;
  const [rows, columns] = windowOf(config);
  const masks = batch.keys.map((key, b) =>
    batch.blank?.has(b) ? new Uint8Array(rows * columns) : drawMask(config, masking, key),
  );
  const total = masks.reduce((sum, mask) => sum + mask.reduce((a, b) => a + b, 0), 0);
  if (total === 0) {
    const { count: most, minBlock } = masking;
    const message = `no block of ${minBlock} to ${most} patches could be laid on ${rows} x ${columns}: lower minBlock`;
    throw new BeitError("recipe/nothing-masked", message);
  }
  const count = masks.length / microBatch;
  const cut = Array.from({ length: count }, (_, i) => {
    const from = i * microBatch;
    const places = placesOf(masks.slice(from, from + microBatch));
    const shape = { M: microBatch * masking.count, weight: count / total };
    return { from, places, inputs: gathered(batch, config, { from, microBatch, places, ...shape }) };
  });
  const P = masks[0]!.length;
  const length = batch.pixels.length / masks.length;
  return {
    micros: cut.map(({ from, inputs }) => ({
      pixel_values: batch.pixels.subarray(from * length, (from + microBatch) * length),
      bool_masked_pos: Float32Array.from(
        { length: microBatch * P },
        (_, j) => masks[from + Math.floor(j / P)]![j % P]!,
      ),
      ...inputs,
      ...Object.fromEntries(
        noise.map((spec) => [spec.name, drawNoise(spec, batch.keys.slice(from, from + microBatch))] as const),
      ),
    })),
    labels: cut.map(({ places, inputs }) =>
      ((inputs.labels as BigInt64Array | undefined) ?? new BigInt64Array()).subarray(0, places.length),
    ),
  };
}

const drawMask = (config: BeitConfig, { masking, count, minBlock }: Masking, key: MaskedBatch["keys"][number]) => {
  const stream = random(...key, "mask");
  return masking === "random"
    ? randomMask(windowOf(config), count, stream)
    : blockMask(windowOf(config), { count, minBlock }, stream).mask;
};

/** A masked patch of a micro-batch: picture and patch. */
type Place = readonly [b: number, p: number];

const placesOf = (masks: readonly Uint8Array[]): Place[] =>
  masks.flatMap((mask, b) => Array.from(mask.entries()).flatMap(([p, on]) => (on ? [[b, p] as const] : [])));

/** What depends on the places: their rows p·B + b in the token-major grid, weights and targets, padded to M. */
function gathered(
  { pixels, tokens, keys }: MaskedBatch,
  config: BeitConfig,
  cut: { from: number; microBatch: number; places: readonly Place[]; M: number; weight: number },
): MicroBatch {
  const { from, microBatch, places, M, weight } = cut;
  const masked_rows = new BigInt64Array(M);
  const weights = new Float32Array(M);
  for (const [i, [b, p]] of places.entries()) {
    masked_rows[i] = BigInt(p * microBatch + b);
    weights[i] = weight;
  }
  if (!tokens) return { masked_rows, weights, patches: patchesAt(pixels, config, from, places, M) };
  const P = tokens.length / keys.length;
  const labels = new BigInt64Array(M);
  for (const [i, [b, p]] of places.entries()) labels[i] = tokens[(from + b) * P + p]!;
  return { masked_rows, weights, labels };
}

/** Normalised pixels [M, C·p·p] of masked patches. */
function patchesAt(pixels: Float32Array, config: BeitConfig, from: number, places: readonly Place[], M: number) {
  const { patchSize, numChannels, imageSize } = config;
  const [height, width] = imageSize;
  const columns = width / patchSize;
  const values = patchValues(config);
  const out = new Float32Array(M * values);
  for (const [i, [b, p]] of places.entries()) {
    const [top, left] = [Math.floor(p / columns) * patchSize, (p % columns) * patchSize];
    for (let c = 0; c < numChannels; c++) {
      for (let y = 0; y < patchSize; y++) {
        const start = (((from + b) * numChannels + c) * height + top + y) * width + left;
        out.set(pixels.subarray(start, start + patchSize), i * values + (c * patchSize + y) * patchSize);
      }
    }
  }
  return out;
}
