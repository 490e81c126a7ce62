import { openDataset } from "../dataset/folder.ts";
import type { Sample } from "../dataset/sample.ts";
import { BeitError } from "../platform/errors.ts";
import { memoryBytes } from "../platform/machine.ts";
import { classificationMetrics } from "./classification.ts";
import { createLayerExtractor } from "./features.ts";
import type { LabelledFeatures } from "./features-table.ts";
import { fitLinearProbe, linearLogits } from "./linear-probe.ts";
import type { Model } from "./model.ts";
import { nearestNeighbours } from "./nearest.ts";
import { fitRidge } from "./ridge.ts";

/** What of a layer's tokens a probe reads: the [CLS] token, the mean of the patches, or both side by side. */
export const probePoolings = ["cls", "mean", "concat"] as const;
export type ProbePooling = (typeof probePoolings)[number];

/** How the linear layer is fitted: in closed form (`fitRidge`), or trained as the original does it (`fitLinearProbe`). */
export const probeSolvers = ["ridge", "adamw"] as const;
export type ProbeSolver = (typeof probeSolvers)[number];

/** What to probe, and how. */
export interface ProbeOptions {
  /** Blocks by number, from 1. Default: all. */
  readonly layers?: readonly number[];
  readonly poolings?: readonly ProbePooling[];
  /** Default ridge. */
  readonly solver?: ProbeSolver;
  /** Neighbours that vote. Default 20. */
  readonly k?: number;
  /** Of the split that is drawn where the data set has none, and of the folds or of the order. Default 42. */
  readonly seed?: number;
  readonly workers?: number;
  /** Told as pictures are read. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What one kind of features of one layer is good for, measured on the validation split. */
export interface ProbeRow {
  readonly layer: number;
  readonly pooling: ProbePooling;
  /** A linear layer on frozen features, fitted on the training split; `strength` where ridge chose one. */
  readonly linear: { readonly accuracy: number; readonly balanced_accuracy: number; readonly strength?: number };
  readonly nearest: { readonly accuracy: number; readonly balanced_accuracy: number };
}

/** The result of a probe. */
export interface ProbeReport {
  readonly classes: readonly string[];
  readonly trainedOn: number;
  readonly measuredOn: number;
  readonly solver: ProbeSolver;
  readonly k: number;
  /** By layer, then pooling. */
  readonly rows: readonly ProbeRow[];
}

/** Rows [n, layers · 2D] of all layers, and the labels. */
interface AllLayers {
  readonly rows: Float32Array;
  readonly labels: Int32Array;
}

/**
 * Measures how much a frozen encoder knows of a data set's classes, layer by layer: linear layers and nearest neighbours on
 * features of the training split, judged on the validation split.
 * @throws BeitError as `openDataset`, `probe/unknown-layer`, `probe/too-few`, `probe/too-large`, and of the first picture that cannot be read
 */
export async function probe(model: Model, root: string, options: ProbeOptions = {}): Promise<ProbeReport> {
  const { numLayers, hiddenSize } = model.config;
  const { seed = 42, k = 20, solver = "ridge", poolings = probePoolings } = options;
  const layers = options.layers ?? Array.from({ length: numLayers }, (_, i) => i + 1);
  const train = await openDataset(root, { split: "train", seed });
  const validation = await openDataset(root, { split: "validation", seed, classes: train.classes });
  const total = train.samples.length + validation.samples.length;
  requireMemory(total, layers.length, hiddenSize);
  const read = (samples: readonly Sample[], before: number) =>
    readLayers(model, layers, samples, options, (done) => options.onProgress?.(before + done, total));
  const known = await read(train.samples, 0);
  const asked = await read(validation.samples, train.samples.length);
  const rows: ProbeRow[] = [];
  for (const [place, layer] of layers.entries()) {
    for (const pooling of poolings) {
      const select = (all: AllLayers) => columns(all, layers.length, place, hiddenSize, pooling);
      rows.push({ layer, pooling, ...(await judge(select(known), select(asked), train.classes, { k, seed, solver })) });
    }
  }
  const [trainedOn, measuredOn] = [train.samples.length, validation.samples.length];
  return { classes: train.classes, trainedOn, measuredOn, solver, k, rows };
}

/** @throws BeitError `probe/too-large` when the features would not fit into half of the memory */
function requireMemory(pictures: number, layers: number, hiddenSize: number): void {
  const bytes = pictures * layers * 2 * hiddenSize * 4;
  if (bytes < memoryBytes() / 2) return;
  const needs = `features of ${pictures} pictures from ${layers} layers take ${(bytes / 2 ** 30).toFixed(1)} GiB`;
  throw new BeitError("probe/too-large", `${needs}, more than half of the memory: name fewer with --layers`);
}

async function readLayers(
  model: Model,
  layers: readonly number[],
  samples: readonly Sample[],
  { workers }: ProbeOptions,
  onProgress: (done: number) => void,
): Promise<AllLayers> {
  const extractor = await createLayerExtractor(model, layers, workers === undefined ? {} : { workers });
  try {
    const rows = new Float32Array(samples.length * extractor.classes);
    let row = 0;
    for await (const outcome of extractor.scores(samples.map(({ path }) => path))) {
      if ("error" in outcome) throw outcome.error;
      rows.set(outcome.logits, row++ * extractor.classes);
      onProgress(row);
    }
    return { rows, labels: Int32Array.from(samples, ({ label }) => label) };
  } finally {
    await extractor.close();
  }
}

/** One layer's features of one kind. */
function columns(all: AllLayers, layers: number, place: number, D: number, pooling: ProbePooling): LabelledFeatures {
  const { rows, labels } = all;
  const width = pooling === "concat" ? 2 * D : D;
  const from = place * 2 * D + (pooling === "mean" ? D : 0);
  const features = new Float32Array(labels.length * width);
  for (let i = 0; i < labels.length; i++) {
    const start = i * layers * 2 * D + from;
    features.set(rows.subarray(start, start + width), i * width);
  }
  return { features, labels };
}

async function judge(
  known: LabelledFeatures,
  asked: LabelledFeatures,
  classes: readonly string[],
  { k, seed, solver }: Required<Pick<ProbeOptions, "k" | "seed" | "solver">>,
): Promise<Pick<ProbeRow, "linear" | "nearest">> {
  const measured = (logits: Float32Array) => {
    const { accuracy, balanced_accuracy } = classificationMetrics({ logits, labels: asked.labels, classes });
    return { accuracy, balanced_accuracy };
  };
  const options = { classes: classes.length, seed };
  const { layer, ...chosen } =
    solver === "ridge" ? await fitRidge(known, options) : { layer: fitLinearProbe(known, options) };
  const strength = "strength" in chosen ? { strength: chosen.strength } : {};
  const nearest = await nearestNeighbours(known, asked.features, { classes: classes.length, k });
  return { linear: { ...measured(linearLogits(layer, asked.features)), ...strength }, nearest: measured(nearest) };
}
