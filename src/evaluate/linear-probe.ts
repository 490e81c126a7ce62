import { adamWStep } from "../optim/adamw.ts";
import { schedule } from "../optim/schedule.ts";
import { random } from "../tensor/random.ts";
import { type LabelledFeatures, widthOf } from "./features-table.ts";

/** A linear layer on features: logits = W x + b. */
export interface LinearLayer {
  /** [K, D]. */
  readonly weight: Float32Array;
  /** [K]. */
  readonly bias: Float32Array;
}

/** How the layer is trained. */
export interface LinearProbeOptions {
  /** Learning rate at the start; falls to 0 as a cosine, once an epoch. */
  readonly learningRate: number;
  readonly epochs: number;
  /** The batches of an epoch: all samples, in the order given. */
  readonly batchesOf: (epoch: number) => Iterable<LabelledFeatures>;
}

const WEIGHT_DECAY = 1e-4; // unilm beit/run_linear_eval.py, of bias and weight alike

/** Logits [n, K] of features [n, D]. */
export function linearLogits({ weight, bias }: LinearLayer, features: Float32Array): Float32Array {
  const K = bias.length;
  const D = weight.length / K;
  const n = features.length / D;
  const logits = new Float32Array(n * K);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < K; k++) {
      let sum = bias[k]!;
      for (let d = 0; d < D; d++) sum += weight[k * D + d]! * features[i * D + d]!;
      logits[i * K + k] = sum;
    }
  }
  return logits;
}

/** Mean cross-entropy of a batch, and its gradient added to nothing: written over `into`. */
function lossAndGradient(layer: LinearLayer, batch: LabelledFeatures, into: LinearLayer): number {
  const { features, labels } = batch;
  const [n, K] = [labels.length, layer.bias.length];
  const D = features.length / n;
  const logits = linearLogits(layer, features);
  into.weight.fill(0);
  into.bias.fill(0);
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const row = logits.subarray(i * K, (i + 1) * K);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - top), 0);
    loss += (top + Math.log(sum) - row[labels[i]!]!) / n;
    for (let k = 0; k < K; k++) {
      const g = (Math.exp(row[k]! - top) / sum - (labels[i] === k ? 1 : 0)) / n;
      into.bias[k]! += g;
      for (let d = 0; d < D; d++) into.weight[k * D + d]! += g * features[i * D + d]!;
    }
  }
  return loss;
}

/**
 * Trains a linear layer in place by the original's protocol: AdamW with decay on everything, cosine to 0 by epoch. Layers
 * of an encoder are probed apart: their losses are only added there, so that each learns as it would alone.
 * @returns the loss of every step
 * @see microsoft/unilm beit/run_linear_eval.py
 */
export function trainLinearProbe(layer: LinearLayer, options: LinearProbeOptions): number[] {
  const { learningRate, epochs, batchesOf } = options;
  const rate = schedule("cosine", { base: learningRate, final: 0, totalSteps: epochs });
  const zero = ({ weight, bias }: LinearLayer) => ({
    weight: new Float32Array(weight.length),
    bias: new Float32Array(bias.length),
  });
  const [gradient, m, v] = [zero(layer), zero(layer), zero(layer)];
  const losses: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const batch of batchesOf(epoch)) {
      losses.push(lossAndGradient(layer, batch, gradient));
      const step = { lr: rate(epoch), weightDecay: WEIGHT_DECAY, step: losses.length };
      for (const key of ["weight", "bias"] as const) adamWStep(layer[key], gradient[key], m[key], v[key], step);
    }
  }
  return losses;
}

const EPOCHS = 100; // run_linear_eval.py, as published
const BATCH = 256;
const LEARNING_RATE = 1e-3; // for each 256 samples of a batch: run_linear_eval.py
const INITIAL_STD = 0.01; // run_linear_eval.py, LinearClassifier

/**
 * A linear layer trained from scratch by the original's recipe ({@link trainLinearProbe}: 100 epochs in a new order each,
 * features as they are), with one difference: features are read once, of whole pictures, where the original crops and
 * flips its pictures anew in every epoch.
 */
export function fitLinearProbe(
  table: LabelledFeatures,
  { classes, seed }: { readonly classes: number; readonly seed: number },
): LinearLayer {
  const stream = random(seed, "linear probe");
  const weight = Float32Array.from({ length: classes * widthOf(table) }, () => INITIAL_STD * stream.normal());
  const layer = { weight, bias: new Float32Array(classes) };
  trainLinearProbe(layer, {
    learningRate: LEARNING_RATE,
    epochs: EPOCHS,
    batchesOf: (epoch) => shuffledBatches(table, seed, epoch),
  });
  return layer;
}

function* shuffledBatches(table: LabelledFeatures, seed: number, epoch: number): Generator<LabelledFeatures> {
  const D = widthOf(table);
  const order = random(seed, "linear probe", epoch).shuffle(Array.from(table.labels.keys()));
  for (let from = 0; from < order.length; from += BATCH) {
    const rows = order.slice(from, from + BATCH);
    const features = new Float32Array(rows.length * D);
    for (const [i, row] of rows.entries()) features.set(table.features.subarray(row * D, (row + 1) * D), i * D);
    yield { features, labels: Int32Array.from(rows, (row) => table.labels[row]!) };
  }
}
