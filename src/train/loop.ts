import type { Batch } from "../dataset/loader.ts";
import type { ClassificationMetrics } from "../evaluate/classification.ts";
import { evaluateSamples, type TrainedModel } from "../evaluate/samples.ts";
import { clipCoefficient, firstNonFinite, globalNorm } from "../optim/clip.ts";
import { updateEma } from "../optim/ema.ts";
import { BeitError } from "../platform/errors.ts";
import { lockFolder } from "../platform/runs.ts";
import { type RunState, removeLeftovers, saveCheckpoint } from "./checkpoint.ts";
import { epochPlan, type TrainingData } from "./data.ts";
import { microBatches } from "./fine-tune.ts";
import type { Recipe } from "./recipe.ts";
import { currentModel, openRun, type Run, type RunOptions } from "./run.ts";
import { copyAll, saveBest } from "./state.ts";

export type { RunOptions } from "./run.ts";

/** What a run tells as it goes. */
export type TrainEvent =
  | ({ readonly kind: "start" } & StartReport)
  | ({ readonly kind: "step" } & StepReport)
  | {
      readonly kind: "evaluation";
      readonly step: number;
      readonly epoch: number;
      readonly metrics: ClassificationMetrics;
      /** Better than all before it. */
      readonly best: boolean;
    }
  | { readonly kind: "checkpoint"; readonly step: number }
  | { readonly kind: "interrupted"; readonly step: number };

/** What is about to happen. */
export interface StartReport {
  /** Pictures drawn per epoch, and those validated on. */
  readonly samples: number;
  readonly validation: number;
  readonly classes: readonly string[];
  /** Scalar parameters of the model. */
  readonly parameters: number;
  /** The preset or checkpoint, and how many of its tensors were taken over. */
  readonly from: string;
  readonly loaded: number;
  readonly totalSteps: number;
  /** Steps done already, when resumed. */
  readonly step: number;
}

/** Means since the last report. */
export interface StepReport {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly imagesPerSecond: number;
  readonly etaSeconds: number;
  /** Share of the time in which the step waited for pictures. */
  readonly waitingShare: number;
}

/** A finished (or interrupted) run. */
export interface TrainResult {
  readonly model: TrainedModel;
  readonly state: RunState;
  readonly data: TrainingData;
  readonly totalSteps: number;
  readonly interrupted: boolean;
}

/**
 * Fine-tunes a classifier and yields what happens. Per step: read a batch, differentiate, clip, update, average; now and
 * then report, evaluate, save. The generator returns the weights that the validation metric chose.
 * @throws BeitError for everything the user can mend, e.g. `train/non-finite`; the newest checkpoint stays
 */
export async function* train(
  dataset: string,
  recipe: Recipe,
  options: RunOptions,
): AsyncGenerator<TrainEvent, TrainResult> {
  const unlock = await lockFolder(options.output);
  let run: Run | undefined;
  try {
    await removeLeftovers(options.output);
    run = await openRun(dataset, recipe, options);
    yield { kind: "start", ...describeStart(run) };
    return yield* trainSteps(run, options);
  } finally {
    await run?.close();
    await unlock();
  }
}

async function* trainSteps(run: Run, options: RunOptions): AsyncGenerator<TrainEvent, TrainResult> {
  const { state } = run.live;
  const { perEpoch, totalSteps, recipe } = run;
  const due = (every: number) => state.step % Math.max(1, Math.round(every)) === 0 || state.step === totalSteps;
  const meter = createMeter();
  const result = (interrupted: boolean): TrainResult => ({
    model: (!interrupted && run.best) || currentModel(run),
    state,
    data: run.data,
    totalSteps,
    interrupted,
  });
  while (state.step < totalSteps) {
    for await (const batch of remainingBatches(run)) {
      meter.dataArrived();
      const { learningRate, gradientNorm } = await takeStep(run, batch);
      state.seconds += meter.stepDone(recipe.batchSize);
      if (due(options.logEvery ?? 10)) yield { kind: "step", ...report(run, meter.take(), learningRate, gradientNorm) };
      if (due(recipe.evaluateEvery * perEpoch)) yield await evaluateNow(run, options.output);
      const stopping = options.signal?.aborted ?? false;
      if (stopping || due(options.saveEvery ?? Math.min(perEpoch, 200))) {
        await saveCheckpoint(options.output, run.live);
        yield { kind: "checkpoint", step: state.step };
      }
      const paused = meter.pauseDone();
      state.seconds += paused;
      state.pausedSeconds += paused;
      if (stopping && state.step < totalSteps) {
        yield { kind: "interrupted", step: state.step };
        return result(true);
      }
    }
  }
  return result(false);
}

/** The rest of the epoch at hand, but no more steps than the run has left. */
function remainingBatches({ loader, data, recipe, live: { state }, perEpoch, totalSteps }: Run) {
  const epoch = Math.floor(state.step / perEpoch);
  const plan = epochPlan(data, recipe, epoch, state.step % perEpoch);
  return loader.batches(plan.slice(0, totalSteps - state.step));
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** One optimizer step; changes `run.live`. */
async function takeStep(run: Run, batch: Batch): Promise<{ learningRate: number; gradientNorm: number }> {
  const { live, recipe, start } = run;
  const { state } = live;
  const learningRate = run.rate(state.step);
  const micros = microBatches(batch, run.step, {
    config: start.config,
    microBatch: run.microBatch,
    labelSmoothing: recipe.labelSmoothing,
    seed: recipe.seed,
  });
  const { reports, gradients } = await run.stepper.step(live.parameters, micros);
  const loss = mean(reports.map((outputs) => outputs.loss![0]!));
  const named = new Map([...gradients].map(([name, data]) => [name, { data }]));
  const gradientNorm = globalNorm(named.values()) / micros.length; // sums over micro-batches, of which the loss is the mean
  requireFinite(state.step + 1, loss, gradientNorm, named);
  state.step++;
  state.lossSum += loss;
  state.recentLosses.push(loss);
  const clip = recipe.clipNorm === null ? 1 : clipCoefficient(gradientNorm, recipe.clipNorm);
  await run.updater.update(named, {
    lr: learningRate,
    beta1: recipe.beta1,
    beta2: recipe.beta2,
    eps: recipe.eps,
    step: state.step,
    gradScale: clip / micros.length,
  });
  if (live.average && recipe.ema !== null) updateEma(live.average, live.parameters, recipe.ema);
  return { learningRate, gradientNorm };
}

/** @throws BeitError `train/non-finite` with the step and the name of the first quantity that is not finite */
function requireFinite(
  step: number,
  loss: number,
  norm: number,
  gradients: Parameters<typeof firstNonFinite>[0],
): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const bad = firstNonFinite(gradients) ?? "all parameters";
  const what = Number.isFinite(loss) ? `the gradient of ${bad}` : `the loss (${loss})`;
  const hint = "lower the learning rate, lengthen the warm-up, or set clipNorm; the last checkpoint is kept";
  throw new BeitError("train/non-finite", `step ${step}: ${what} is not finite; ${hint}`);
}

/** Whether a value of the metric that chooses is better than the best so far. */
function isBetter(recipe: Recipe, value: number, best: number | undefined): boolean {
  if (best === undefined) return true;
  return recipe.best === "loss" ? value < best : value > best;
}

/** Evaluates the model at hand and keeps it when it is the best so far. */
async function evaluateNow(run: Run, output: string): Promise<TrainEvent> {
  const { state } = run.live;
  const model = currentModel(run);
  const metrics = await evaluateSamples(model, run.data.validation, run.data.classes);
  const value = metrics[run.recipe.best];
  const best = isBetter(run.recipe, value, state.best?.value);
  if (best) {
    state.best = { step: state.step, value };
    run.best = { ...model, parameters: copyAll(model.parameters) };
    await saveBest(output, run.best);
  }
  const epoch = state.step / run.perEpoch;
  state.history.push({
    step: state.step,
    epoch,
    eval_loss: metrics.loss,
    eval_accuracy: metrics.accuracy,
    eval_balanced_accuracy: metrics.balanced_accuracy,
  });
  return { kind: "evaluation", step: state.step, epoch, metrics, best };
}

function describeStart({ data, live, start, totalSteps }: Run): StartReport {
  return {
    samples: data.epochLength,
    validation: data.validation.length,
    classes: data.classes,
    parameters: [...live.parameters.values()].reduce((sum, { data: values }) => sum + values.length, 0),
    from: start.from,
    loaded: start.loaded.length,
    totalSteps,
    step: live.state.step,
  };
}

/** Means over the steps since the last report; also put into the history. */
function report(run: Run, measured: Measured, learningRate: number, gradientNorm: number): StepReport {
  const { live, perEpoch, totalSteps, recipe } = run;
  const { state } = live;
  const [step, epoch, loss] = [state.step, state.step / perEpoch, mean(state.recentLosses)];
  state.recentLosses = [];
  state.history.push({ step, epoch, loss, learning_rate: learningRate, grad_norm: gradientNorm });
  const imagesPerSecond = measured.images / measured.seconds;
  return {
    step,
    totalSteps,
    epoch,
    loss,
    learningRate,
    gradientNorm,
    imagesPerSecond,
    etaSeconds: ((totalSteps - step) * recipe.batchSize) / imagesPerSecond,
    waitingShare: measured.waitedSeconds / measured.seconds,
  };
}

interface Measured {
  readonly images: number;
  readonly seconds: number;
  readonly waitedSeconds: number;
}

/** Clock of the loop: waiting for data, stepping, pausing (evaluation and saving). */
function createMeter() {
  let mark = performance.now();
  let [images, seconds, waitedSeconds, waitingNow] = [0, 0, 0, 0];
  const lap = () => {
    const elapsed = (performance.now() - mark) / 1000;
    mark = performance.now();
    return elapsed;
  };
  return {
    dataArrived() {
      waitingNow = lap();
      waitedSeconds += waitingNow;
    },
    /** Seconds of the step, its waiting included. */
    stepDone(count: number): number {
      const elapsed = waitingNow + lap();
      seconds += elapsed;
      images += count;
      return elapsed;
    },
    pauseDone: lap,
    take(): Measured {
      const measured = { images, seconds, waitedSeconds };
      [images, seconds, waitedSeconds] = [0, 0, 0];
      return measured;
    },
  };
}
