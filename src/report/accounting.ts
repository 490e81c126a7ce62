import { countText, decimalText, durationText, siText, UNDEFINED_TEXT } from "./numbers.ts";
import { formatTable, type TextStyle } from "./table.ts";
import { epochAfter, metricsFormat, speedMetrics, type TrainerMetrics, totalFlos } from "./trainer.ts";

/** What a training run did and what it had planned. */
export interface TrainingRun {
  /** Wall clock of the whole run, evaluations and saving included. */
  readonly runtimeSeconds: number;
  /** Of that, time spent evaluating and saving; 0 when unknown. */
  readonly pausedSeconds?: number;
  /** Images in the training set. */
  readonly trainImages: number;
  /** Images per optimizer step. */
  readonly batchSize: number;
  readonly plannedEpochs: number;
  /** Optimizer steps of an epoch: whether a last short batch counts as one is the run's choice. */
  readonly stepsPerEpoch: number;
  /** Optimizer steps planned and done. */
  readonly plannedSteps: number;
  readonly steps: number;
  /** Images that went through a training step, repeats counted. */
  readonly images: number;
  /** C·H·W of one input. */
  readonly pixelsPerImage: number;
  readonly parameters: number;
  /** Multiply-accumulates of one forward pass of one image. */
  readonly forwardMacs: number;
  /** Multiply-accumulates of a training step, an image; three forward passes when absent. */
  readonly stepMacs?: number;
  /** Mean training loss over the steps done. */
  readonly trainLoss: number;
}

/** The same run in plain units, counting only what happened. */
export interface MeasuredRun {
  readonly train_images: number;
  readonly train_steps: number;
  /** Training time without evaluations and saving, in seconds. */
  readonly train_seconds: number;
  readonly images_per_second: number;
  readonly steps_per_second: number;
  readonly seconds_per_step: number;
  /** Floating-point operations of one training step per image: MACs × 2. */
  readonly flop_per_image: number;
  readonly total_flop: number;
  readonly flop_per_second: number;
}

/** Trainer's `train` metrics of a run: planned samples and steps in the rates, pixels counted as tokens in the FLOs. */
export function trainerMetricsOf(run: TrainingRun): TrainerMetrics {
  return {
    epoch: epochAfter(run.steps, run.stepsPerEpoch),
    total_flos: totalFlos(run.images * run.pixelsPerImage, run.parameters),
    train_loss: run.trainLoss,
    ...speedMetrics("train", run.runtimeSeconds, {
      samples: run.trainImages * run.plannedEpochs,
      steps: run.plannedSteps,
    }),
  };
}

/**
 * True rates and arithmetic. A multiply-accumulate is 2 operations; the backward pass costs twice the forward one
 * (gradients of inputs and of weights), so a training step is 3 forwards unless a part is frozen.
 */
export function measuredRun(run: TrainingRun): MeasuredRun {
  const seconds = run.runtimeSeconds - (run.pausedSeconds ?? 0);
  const flopPerImage = (run.stepMacs ?? 3 * run.forwardMacs) * 2;
  return {
    train_images: run.images,
    train_steps: run.steps,
    train_seconds: seconds,
    images_per_second: run.images / seconds,
    steps_per_second: run.steps / seconds,
    seconds_per_step: seconds / run.steps,
    flop_per_image: flopPerImage,
    total_flop: flopPerImage * run.images,
    flop_per_second: (flopPerImage * run.images) / seconds,
  };
}

/** Rows [figure, as Trainer prints it, as it happened]. */
export function accountingRows(run: TrainingRun): [string, string, string][] {
  const printed = metricsFormat(trainerMetricsOf(run));
  const measured = measuredRun(run);
  return [
    ["epochs", printed.epoch!, decimalText(run.images / run.trainImages, 3)],
    ["images", `${countText(run.trainImages * run.plannedEpochs)} planned`, countText(run.images)],
    ["steps", `${countText(run.plannedSteps)} planned`, countText(run.steps)],
    ["time", printed.train_runtime!, durationText(measured.train_seconds)],
    ["images per second", printed.train_samples_per_second!, decimalText(measured.images_per_second, 3)],
    ["steps per second", printed.train_steps_per_second!, decimalText(measured.steps_per_second, 3)],
    ["arithmetic", printed.total_flos!, siText(measured.total_flop, "FLOP")],
    ["arithmetic per second", UNDEFINED_TEXT, siText(measured.flop_per_second, "FLOP/s")],
    ["mean training loss", printed.train_loss!, decimalText(run.trainLoss)],
  ];
}

/** Titles of the rows' columns. */
export const ACCOUNTING_TITLES = ["training", "as Trainer prints it", "as it happened"] as const;

/** A text table with Trainer's figures beside the true ones. */
export function formatAccounting(run: TrainingRun, style: TextStyle = {}): string {
  const columns = ACCOUNTING_TITLES.map((title, c) => ({
    title,
    align: c > 0 ? ("right" as const) : ("left" as const),
  }));
  return formatTable(columns, accountingRows(run), style);
}
