import { transpose } from "../graph/layout.ts";
import { matMul } from "../graph/matmul.ts";
import { input } from "../graph/value.ts";
import { BeitError } from "../platform/errors.ts";
import { evaluate } from "../session/session.ts";
import { random } from "../tensor/random.ts";
import { float32 } from "../tensor/tensor.ts";
import { balancedAccuracyOf, confusionMatrix } from "./classification.ts";
import { type LabelledFeatures, standardisation, widthOf } from "./features-table.ts";
import { type LinearLayer, linearLogits } from "./linear-probe.ts";
import { outcomesOf } from "./logits.ts";

/** How a ridge classifier is fitted. */
export interface RidgeOptions {
  readonly classes: number;
  /** Strengths to choose from, relative to the mean square of the (standardised) features. */
  readonly strengths?: readonly number[];
  /** Parts that take turns to be left out. */
  readonly folds?: number;
  /** Of the folds. */
  readonly seed?: number;
}

/** A fitted classifier. */
export interface RidgeFit {
  readonly layer: LinearLayer;
  /** The strength that cross-validation chose, and the balanced accuracy it had there. */
  readonly strength: number;
  readonly crossValidated: number;
}

const STRENGTHS = [1e-4, 1e-3, 1e-2, 1e-1, 1, 10];
const FOLDS = 5;

/** Rows [x standardised, 1, y one-hot] times the root of the row's weight: their product with themselves says it all. */
function designMatrix(table: LabelledFeatures, { mean, scale }: ReturnType<typeof standardisation>, classes: number) {
  const [n, D] = [table.labels.length, widthOf(table)];
  const counts = new Float64Array(classes);
  for (const label of table.labels) counts[label]!++;
  const width = D + 1 + classes;
  const rows = new Float32Array(n * width);
  for (let i = 0; i < n; i++) {
    const root = Math.sqrt(n / (classes * counts[table.labels[i]!]!)); // every class counts alike
    for (let d = 0; d < D; d++) {
      rows[i * width + d] = (table.features[i * D + d]! - mean[d]!) * scale[d]! * root;
    }
    rows[i * width + D] = root;
    rows[i * width + D + 1 + table.labels[i]!] = root;
  }
  return { rows, width };
}

/** ZᵀZ [width, width] of some rows, by onnxruntime. */
async function gram(rows: Float32Array, width: number): Promise<Float32Array> {
  const z = input("rows", [rows.length / width, width], "batch");
  const { product } = await evaluate({ product: matMul(transpose(z, [1, 0]), z) }, { rows: float32(rows, z.shape) });
  return product!.data as Float32Array;
}

/**
 * Weights of standardised features from ZᵀZ of n rows: (XᵀX + strength·n·I) w = XᵀY, the constant not held back. By
 * Cholesky's decomposition in float64.
 */
function solve(
  product: Float64Array,
  D: number,
  K: number,
  strength: number,
): { weight: Float64Array; bias: Float64Array } {
  const width = D + 1 + K;
  const size = D + 1;
  const n = product[D * width + D]!; // the sum of the weights
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = product[i * width + j]! + (i === j && i < D ? strength * n : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * size + k]! * lower[j * size + k]!;
      lower[i * size + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12 * n)) : sum / lower[j * size + j]!;
    }
  }
  const solution = new Float64Array(K * size);
  for (let c = 0; c < K; c++) {
    const x = solution.subarray(c * size, (c + 1) * size);
    for (let i = 0; i < size; i++) {
      let sum = product[i * width + D + 1 + c]!;
      for (let k = 0; k < i; k++) sum -= lower[i * size + k]! * x[k]!;
      x[i] = sum / lower[i * size + i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      let sum = x[i]!;
      for (let k = i + 1; k < size; k++) sum -= lower[k * size + i]! * x[k]!;
      x[i] = sum / lower[i * size + i]!;
    }
  }
  const weight = Float64Array.from({ length: K * D }, (_, i) => solution[Math.floor(i / D) * size + (i % D)]!);
  return { weight, bias: Float64Array.from({ length: K }, (_, c) => solution[c * size + D]!) };
}

/** As a layer of features as they are. */
function unstandardised(
  { weight, bias }: ReturnType<typeof solve>,
  { mean, scale }: ReturnType<typeof standardisation>,
): LinearLayer {
  const D = mean.length;
  const plain = Float32Array.from(weight, (w, i) => w * scale[i % D]!);
  const shifted = Float32Array.from(bias, (b, k) => {
    let shift = 0;
    for (let d = 0; d < D; d++) shift += weight[k * D + d]! * scale[d]! * mean[d]!;
    return b - shift;
  });
  return { weight: plain, bias: shifted };
}

/** Mean recall of the classes present. */
function balancedAccuracy(logits: Float32Array, labels: Int32Array, K: number): number {
  const classes = Array.from({ length: K }, (_, k) => `${k}`);
  return balancedAccuracyOf(confusionMatrix(labels, outcomesOf({ logits, labels, classes }).predicted, K));
}

/** Rows of a table by their indices. */
function take(table: LabelledFeatures, indices: readonly number[]): LabelledFeatures {
  const D = widthOf(table);
  const features = new Float32Array(indices.length * D);
  for (const [row, i] of indices.entries()) features.set(table.features.subarray(i * D, (i + 1) * D), row * D);
  return { features, labels: Int32Array.from(indices, (i) => table.labels[i]!) };
}

/**
 * Fits a linear classifier by least squares on one-hot targets, classes weighing alike, with the strength of the ridge
 * chosen by cross-validated balanced accuracy (of equal ones the strongest): a probe without learning rates or epochs.
 * @throws BeitError `probe/too-few` when a class has no sample
 */
export async function fitRidge(table: LabelledFeatures, options: RidgeOptions): Promise<RidgeFit> {
  const { classes: K, strengths = STRENGTHS, seed = 42 } = options;
  const missing = Array.from({ length: K }, (_, k) => k).find((k) => !table.labels.includes(k));
  if (missing !== undefined) {
    throw new BeitError("probe/too-few", `probe: expected samples of all ${K} classes, class ${missing} has none`);
  }
  const D = widthOf(table);
  const scaling = standardisation(table);
  const folds = Math.min(options.folds ?? FOLDS, table.labels.length);
  const order = random(seed, "ridge").shuffle(Array.from(table.labels.keys()));
  const parts = Array.from({ length: folds }, (_, f) =>
    take(
      table,
      order.filter((_, i) => i % folds === f),
    ),
  );
  const { rows, width } = designMatrix(take(table, order), scaling, K);
  const placesOf = (f: number) => order.flatMap((_, i) => (i % folds === f ? [i] : []));
  const products = await Promise.all(
    parts.map((_, f) => {
      const places = placesOf(f);
      const own = new Float32Array(places.length * width);
      for (const [row, i] of places.entries()) own.set(rows.subarray(i * width, (i + 1) * width), row * width);
      return gram(own, width);
    }),
  );
  const total = Float64Array.from({ length: width * width }, (_, i) => products.reduce((sum, p) => sum + p[i]!, 0));
  const layerWithout = (f: number, strength: number) =>
    unstandardised(
      solve(
        total.map((value, i) => value - products[f]![i]!),
        D,
        K,
        strength,
      ),
      scaling,
    );
  const scored = strengths.map((strength) => {
    const scores = parts.map((part, f) =>
      balancedAccuracy(linearLogits(layerWithout(f, strength), part.features), part.labels, K),
    );
    return { strength, crossValidated: scores.reduce((a, b) => a + b, 0) / folds };
  });
  const best = scored.reduce((a, b) => (b.crossValidated >= a.crossValidated ? b : a));
  return { layer: unstandardised(solve(total, D, K, best.strength), scaling), ...best };
}
