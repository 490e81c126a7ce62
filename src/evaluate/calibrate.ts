import { drawCalibration } from "../dataset/calibration.ts";
import { BeitError } from "../platform/errors.ts";
import { float32 } from "../tensor/tensor.ts";
import { type ClassificationMetrics, classificationMetrics } from "./classification.ts";
import { type ScoredDataset, type ScoreOptions, scoreDataset } from "./dataset.ts";
import type { LabelledLogits } from "./logits.ts";
import type { Model } from "./model.ts";
import type { Unreadable } from "./samples.ts";
import { fitTemperature } from "./temperature.ts";

/** How a classifier is calibrated. */
export interface CalibrateOptions extends ScoreOptions {
  /** Added to the calibrated logits, by class. Default: none. */
  readonly shift?: ReadonlyMap<string, number>;
  /** Of the halving of the pictures. Default 42. */
  readonly seed?: number;
}

/** A calibrated classifier, and both forms measured on pictures that had no part in fitting. */
export interface Calibration {
  readonly model: Model;
  /** What logits were divided by. */
  readonly temperature: number;
  /** What was added to each class's logit then, in the model's order. */
  readonly shift: readonly number[];
  readonly split: string;
  /** Pictures that the temperature was fitted on. */
  readonly fitted: number;
  readonly before: ClassificationMetrics;
  readonly after: ClassificationMetrics;
  readonly unreadable: readonly Unreadable[];
}

/**
 * Makes a classifier's scores mean something: a temperature, fitted on half of the pictures (groups left whole), goes into
 * its last layer, so that whatever runs the model gives calibrated scores. A shift of s for a class multiplies its odds by
 * e^s beside the others: for a class that is more frequent, or more easily missed, where the model will be used.
 * @see Guo et al. 2017, "On Calibration of Modern Neural Networks"; Menon et al. 2021, "Long-tail learning via logit
 * adjustment", for the shift.
 * @throws BeitError `calibrate/unfit` for a model that does not tell one class a picture; as `scoreDataset`;
 * `dataset/too-few`; `calibrate/unknown-class`; `calibrate/no-temperature` when no temperature is best, since all answers are
 * right or none is better than chance; with a shift it is 1 then
 */
export async function calibrateClassifier(
  model: Model,
  dataset: string,
  options: CalibrateOptions = {},
): Promise<Calibration> {
  const { problemType = "single_label_classification" } = model.config;
  if (problemType !== "single_label_classification") {
    const message = `${model.name}: is a model of ${problemType}; a temperature is for classifiers of one class a picture`;
    throw new BeitError("calibrate/unfit", message);
  }
  const shift = shiftOf(model, options.shift ?? new Map());
  const result = await scoreDataset(model, dataset, { ...options, split: options.split ?? "validation" });
  const { calibration, rest } = drawCalibration(result.samples, result.samples.length, options.seed ?? 42);
  const fit = fitTemperature(rowsOf(result, new Set(calibration)));
  const temperature = fit.at_bound ? 1 : fit.temperature;
  if (fit.at_bound && !shift.some((value) => value !== 0)) {
    const message = `no temperature is best for ${calibration.length} pictures of ${result.split}`;
    throw new BeitError(
      "calibrate/no-temperature",
      `${dataset}: ${message}: all are answered rightly, or no better than by chance`,
    );
  }
  const held = rowsOf(result, new Set(rest));
  const logits = held.logits.map((logit, i) => logit / temperature + shift[i % shift.length]!);
  return {
    model: withHead(model, temperature, shift),
    temperature,
    shift,
    split: result.split,
    fitted: calibration.length,
    before: classificationMetrics(held),
    after: classificationMetrics({ ...held, logits }),
    unreadable: result.unreadable,
  };
}

function shiftOf({ config: { labels }, name }: Model, shift: ReadonlyMap<string, number>): number[] {
  const stranger = [...shift.keys()].find((label) => !labels.includes(label));
  if (stranger === undefined) return labels.map((label) => shift.get(label) ?? 0);
  const message = `${name}: has no class "${stranger}" to shift; it has ${labels.join(", ")}`;
  throw new BeitError("calibrate/unknown-class", message);
}

/** The logits and labels of some of the pictures. */
function rowsOf({ samples, scored }: ScoredDataset, wanted: ReadonlySet<unknown>): LabelledLogits {
  const rows = samples.flatMap((sample, i) => (wanted.has(sample) ? [i] : []));
  const classes = scored.classes.length;
  return {
    classes: scored.classes,
    labels: Int32Array.from(rows, (row) => scored.labels[row]!),
    logits: Float32Array.from(rows.flatMap((row) => [...scored.logits.subarray(row * classes, (row + 1) * classes)])),
  };
}

/** The model with weight / T and bias / T + shift in its last layer. */
function withHead(model: Model, temperature: number, shift: readonly number[]): Model {
  const [weight, bias] = ["classifier.weight", "classifier.bias"].map((name) => model.parameters.get(name)!);
  const parameters = new Map(model.parameters);
  parameters.set(
    "classifier.weight",
    float32(
      weight!.data.map((value) => value / temperature),
      weight!.shape,
    ),
  );
  parameters.set(
    "classifier.bias",
    float32(
      bias!.data.map((value, k) => value / temperature + shift[k]!),
      bias!.shape,
    ),
  );
  return { ...model, parameters };
}
