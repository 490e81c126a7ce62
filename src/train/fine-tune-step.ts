import { type BeitConfig, windowOf } from "../beit/config.ts";
import { cellPatches } from "../beit/mask.ts";
import { classify, classifyTokens, type PatchSubset } from "../beit/model.ts";
import { relativePositionIndex } from "../beit/position.ts";
import { trainingGraphs } from "../graph/training.ts";
import { softCrossEntropy } from "../nn/loss.ts";
import { batchInput, createScope, createTrace, type NoiseSpec, type Trace } from "../nn/scope.ts";
import { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { frozenShape, isTrained } from "./frozen.ts";
import type { MicroBatch } from "./stepper.ts";

/** What a fine-tuning step looks at and changes. */
export interface FineTuneStepOptions {
  /** Of each 2 x 2 cell; 4, all of them, by default. */
  readonly patchesPerCell?: number;
  /** Blocks that are not trained, from the first. Default: everything is trained, embeddings too. */
  readonly frozen?: number | undefined;
  /** Whether the input is what the frozen blocks give instead of pixels. */
  readonly repeated?: boolean;
}

/** The fine-tuning step of a configuration: its graphs, and how a batch becomes micro-batches. */
export function fineTuneStep(config: BeitConfig, microBatch: number, options: FineTuneStepOptions = {}) {
  const { patchesPerCell = 4, frozen, repeated = false } = options;
  const trace = createTrace();
  const [height, width] = config.imageSize;
  const shape = repeated ? frozenShape(config, frozen!) : [config.numChannels, height, width];
  const input = batchInput(trace, "pixel_values", [microBatch, ...shape]);
  const targets = batchInput(trace, "targets", [microBatch, config.labels.length]);
  const subset = subsetInputs(trace, config, patchesPerCell);
  const scope = createScope(trace, true);
  const below = frozen === undefined ? undefined : { scope: createScope(trace).child("beit"), blocks: frozen };
  const logits = repeated
    ? classifyTokens(scope, config, input, frozen!)
    : classify(scope, config, input, { subset, frozen: below }).logits;
  const trained = new Map([...trace.parameters].filter(([name]) => isTrained(name, frozen, config)));
  const graphs = trainingGraphs({ loss: softCrossEntropy(logits, targets), logits }, trained);
  const noise = [...trace.noise.values()];
  return {
    graphs,
    inputs: [...trace.inputs.values(), ...noise.map(({ value }) => value)],
    drawPatches: subset ? patchDrawer(config, patchesPerCell) : undefined,
    noise: noise.map(({ spec }) => spec),
    parameters: new Map([...trace.parameters].map(([name, { shape }]) => [name, { shape }])),
  };
}

/** Graph inputs that choose the patches of a step; undefined when it looks at all of them. */
function subsetInputs(trace: Trace, config: BeitConfig, patchesPerCell: number): PatchSubset | undefined {
  if (patchesPerCell === 4) return undefined;
  if (config.useAbsolutePositions) {
    throw new BeitError("recipe/invalid", "patchesPerCell: 4 is needed by a model with absolute positions");
  }
  const [rows, columns] = windowOf(config);
  const n = Math.ceil(rows / 2) * Math.ceil(columns / 2) * patchesPerCell;
  if (rows % 2 || columns % 2) {
    const message = `patchesPerCell ${patchesPerCell}: expected an even number of patches a side, got ${rows} x ${columns}`;
    throw new BeitError("recipe/invalid", message);
  }
  return {
    patches: batchInput(trace, "patches", [n], "int64"),
    positions: batchInput(trace, "positions", [(n + 1) ** 2], "int64"),
  };
}

/** Rows of targets [n, K]: 1 − s + s/K for the label, s/K elsewhere. */
export function smoothedTargets(labels: Int32Array, classes: number, smoothing: number): Float32Array {
  const targets = new Float32Array(labels.length * classes).fill(smoothing / classes);
  for (const [row, label] of labels.entries()) {
    targets[row * classes + label] = targets[row * classes + label]! + 1 - smoothing;
  }
  return targets;
}

/** Values of a noise input: what a sample gets depends on its key alone. */
export function drawNoise(
  spec: NoiseSpec,
  keys: readonly (readonly (number | string)[])[],
): Float32Array | BigInt64Array {
  const { name, keep } = spec;
  if (spec.kind === "survivors") {
    const stays = Array.from(keys.keys()).filter((b) => random(...keys[b]!, name).uniform() < keep);
    return BigInt64Array.from(stays, BigInt);
  }
  const { shape, batchAxis } = spec;
  const values = new Float32Array(sizeOf(shape));
  const inner = sizeOf(shape.slice(batchAxis + 1));
  const batch = shape[batchAxis]!;
  const outer = sizeOf(shape.slice(0, batchAxis));
  for (const [b, key] of keys.entries()) {
    const stream = random(...key, name);
    for (let o = 0; o < outer; o++) {
      const start = (o * batch + b) * inner;
      for (let i = 0; i < inner; i++) values[start + i] = stream.uniform() < keep ? 1 / keep : 0;
    }
  }
  return values;
}

/** Inputs that choose the patches of one micro-batch. */
type PatchInputs = Record<keyof PatchSubset, BigInt64Array>;

/** Draws the patches of a micro-batch: some of every 2 × 2 cell, so that no part of a picture goes unseen. */
function patchDrawer(config: BeitConfig, patchesPerCell: number): (key: readonly number[]) => PatchInputs {
  const window = windowOf(config);
  const index = relativePositionIndex(window);
  const N = window[0] * window[1] + 1;
  return (key) => {
    const patches = cellPatches(window, patchesPerCell, random(...key, "patches"));
    const tokens = [0, ...Array.from(patches, (p) => p + 1)];
    const positions = tokens.flatMap((i) => tokens.map((j) => BigInt(index[i * N + j]!)));
    return { patches: BigInt64Array.from(patches, BigInt), positions: BigInt64Array.from(positions) };
  };
}

/** One epoch's batch as the loader gives it. */
export interface LabelledBatch {
  readonly epoch: number;
  /** Position in the epoch of the first sample. */
  readonly first: number;
  readonly pixels: Float32Array;
  readonly labels: Int32Array;
}

/** Cuts a batch into micro-batches with their targets and noise; pixels are views. */
export function microBatches(
  batch: LabelledBatch,
  step: Pick<ReturnType<typeof fineTuneStep>, "noise" | "drawPatches">,
  options: { config: BeitConfig; microBatch: number; labelSmoothing: number; seed: number },
): MicroBatch[] {
  const { config, microBatch, labelSmoothing, seed } = options;
  const classes = config.labels.length;
  const length = batch.pixels.length / batch.labels.length;
  return Array.from({ length: batch.labels.length / microBatch }, (_, i) => {
    const from = i * microBatch;
    const keys = Array.from({ length: microBatch }, (_, b) => [seed, batch.epoch, batch.first + from + b]);
    return {
      pixel_values: batch.pixels.subarray(from * length, (from + microBatch) * length),
      targets: smoothedTargets(batch.labels.subarray(from, from + microBatch), classes, labelSmoothing),
      ...step.drawPatches?.([seed, batch.epoch, batch.first + from]),
      ...Object.fromEntries(step.noise.map((spec) => [spec.name, drawNoise(spec, keys)])),
    };
  });
}
