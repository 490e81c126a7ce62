import { createLoader } from "../dataset/loader.ts";
import type { ClassificationMetrics } from "../evaluate/classification.ts";
import { evaluateSamples, type TrainedModel } from "../evaluate/samples.ts";
import { defaultProcessor } from "../image/processor.ts";
import { clipCoefficient, globalNorm } from "../optim/clip.ts";
import { updateEma } from "../optim/ema.ts";
import { schedule } from "../optim/schedule.ts";
import { updateParameters } from "../optim/update.ts";
import { BeitError } from "../platform/errors.ts";
import { coreCount } from "../platform/machine.ts";
import { lockFolder } from "../platform/runs.ts";
import { type RunState, saveCheckpoint } from "./checkpoint.ts";
import { epochPlan, openTrainingData, stepsPerEpoch, type TrainingData } from "./data.ts";
import { fineTuneStep, microBatches } from "./fine-tune.ts";
import type { Recipe } from "./recipe.ts";
import { startModel } from "./start.ts";
import { copyAll, freshState, groupsOf, loadBest, resumeFrom, saveBest } from "./state.ts";
import { createStepper, type StepResult } from "./stepper.ts";

/** Where and how a run happens: nothing here changes its result. */
export interface RunOptions {
  readonly output: string;
  /** Go on from the newest checkpoint in `output`, if there is one. */
  readonly resume?: boolean;
  /** Ends the run after the step at hand, saved. */
  readonly signal?: AbortSignal;
  readonly workers?: number;
  readonly threads?: number;
  /** Steps between checkpoints. */
  readonly saveEvery?: number;
  /** Steps between progress events. */
  readonly logEvery?: number;
}

/** What a run tells as it goes. */
export type TrainEvent =
  | { readonly kind: "start"; readonly recipe: Recipe; readonly samples: number; readonly validation: number; readonly classes: readonly string[]; readonly parameters: number; readonly from: string; readonly loaded: number; readonly totalSteps: number; readonly step: number }
  | { readonly kind: "step"; readonly step: number; readonly totalSteps: number; readonly epoch: number; readonly loss: number; readonly learningRate: number; readonly gradientNorm: number; readonly imagesPerSecond: number; readonly etaSeconds: number; readonly waitingShare: number }
  | { readonly kind: "evaluation"; readonly step: number; readonly epoch: number; readonly metrics: ClassificationMetrics; readonly best: boolean }
  | { readonly kind: "checkpoint"; readonly step: number }
  | { readonly kind: "interrupted"; readonly step: number };

/** A finished (or interrupted) run. */
export interface TrainResult {
  readonly model: TrainedModel;
  readonly state: RunState;
  readonly data: TrainingData;
  readonly totalSteps: number;
  readonly interrupted: boolean;
}

/** Micro-batches whose activations stay in the last-level cache (docs/log.md): 4 of 224 px, more of smaller ones. */
function defaultMicroBatch(recipe: Recipe, hiddenSize: number): number {
  const wanted = (hiddenSize >= 512 ? 8 : 4) * Math.max(1, Math.round(((224 / recipe.imageSize) ** 2 * 4) / recipe.patchesPerCell));
  let size = Math.min(wanted, recipe.batchSize);
  while (recipe.batchSize % size) size--;
  return size;
}

/** Training threads × threads inside an operator: narrow models run as several workers, wide ones as one. */
function defaultLayout(options: RunOptions, hiddenSize: number, micros: number) {
  const cores = coreCount();
  const workers = options.workers ?? (hiddenSize >= 512 ? 1 : Math.min(cores, micros));
  return { workers, threads: options.threads ?? Math.max(1, Math.floor(cores / workers)) };
}

/** The first quantity that is not finite, by name. @throws BeitError `train/non-finite` */
function requireFinite(step: number, loss: number, norm: number, gradients: StepResult["gradients"]): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return;
  const bad = [...gradients].find(([, data]) => data.some((v) => !Number.isFinite(v)))?.[0];
  const what = Number.isFinite(loss) ? `the gradient of ${bad}` : `the loss (${loss})`;
  const hint = "lower the learning rate, lengthen the warm-up, or set clipNorm";
  throw new BeitError("train/non-finite", `step ${step}: ${what} is not finite; ${hint}`);
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Whether a value of the metric that chooses is better than the best so far. */
function isBetter(recipe: Recipe, value: number, best: number | undefined): boolean {
  if (best === undefined) return true;
  return recipe.best === "loss" ? value < best : value > best;
}

/**
 * Fine-tunes a classifier and yields what happens. The order: open the data, start or resume the model, trace the step,
 * then per step: read a batch, differentiate, clip, update, average; now and then log, evaluate, save.
 * @throws BeitError for everything the user can mend; the newest checkpoint stays
 */
export async function* train(dataset: string, recipe: Recipe, options: RunOptions): AsyncGenerator<TrainEvent, TrainResult> {
  const unlock = await lockFolder(options.output);
  try {
    return yield* lockedTrain(dataset, recipe, options);
  } finally {
    await unlock();
  }
}

async function* lockedTrain(dataset: string, recipe: Recipe, options: RunOptions): AsyncGenerator<TrainEvent, TrainResult> {
  const data = await openTrainingData(dataset, recipe);
  const perEpoch = stepsPerEpoch(data, recipe);
  const totalSteps = Math.ceil(perEpoch * recipe.epochs);
  const start = await startModel(recipe, data.classes);
  const resumed = options.resume ? await resumeFrom(options.output, recipe, data.classes) : undefined;
  const live = resumed ?? freshState(start.parameters, recipe, data.classes, start.config.numLayers);
  const microBatch = recipe.microBatch ?? defaultMicroBatch(recipe, start.config.hiddenSize);
  if (recipe.batchSize % microBatch) {
    throw new BeitError("recipe/invalid", `batchSize ${recipe.batchSize} is not a multiple of microBatch ${microBatch}`);
  }
  const step = fineTuneStep(start.config, microBatch, recipe.patchesPerCell);
  const groups = groupsOf(live.parameters, recipe, start.config.numLayers);
  const processor = defaultProcessor(start.config.imageSize);
  const loader = await createLoader({
    samples: data.samples,
    size: start.config.imageSize,
    batchSize: recipe.batchSize,
    processor,
    augment: recipe.augment,
    occlusion: data.occlusion,
    seed: recipe.seed,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  });
  const layout = defaultLayout(options, start.config.hiddenSize, recipe.batchSize / microBatch);
  const stepper = await createStepper(step.graphs, step.inputs, layout);
  const rate = schedule(recipe.schedule, {
    base: recipe.learningRate,
    totalSteps,
    warmupSteps: Math.round(recipe.warmupEpochs * perEpoch),
    final: recipe.minLearningRate,
  });
  const { state } = live;
  const evaluated = (): TrainedModel => ({
    config: start.config,
    processor,
    parameters: live.average ?? live.parameters,
  });
  const evaluateEvery = Math.max(1, Math.round(recipe.evaluateEvery * perEpoch));
  const saveEvery = options.saveEvery ?? Math.max(1, Math.min(perEpoch, 200));
  const logEvery = options.logEvery ?? 10;
  const save = () => saveCheckpoint(options.output, { ...live });
  let best = state.best && (await loadBest(options.output));

  yield {
    kind: "start",
    recipe,
    samples: data.epochLength,
    validation: data.validation.length,
    classes: data.classes,
    parameters: [...live.parameters.values()].reduce((sum, { data: d }) => sum + d.length, 0),
    from: start.from,
    loaded: start.loaded.length,
    totalSteps,
    step: state.step,
  };
  try {
    let [stepSeconds, imagesSinceLog, lossesSinceLog] = [0, 0, [] as number[]];
    let waited = 0;
    while (state.step < totalSteps) {
      const epoch = Math.floor(state.step / perEpoch);
      let mark = performance.now();
      for await (const batch of loader.batches(epochPlan(data, recipe, epoch, state.step % perEpoch).slice(0, totalSteps - state.step))) {
        waited += performance.now() - mark;
        const learningRate = rate(state.step);
        const micros = microBatches(batch, step, {
          config: start.config,
          microBatch,
          labelSmoothing: recipe.labelSmoothing,
          seed: recipe.seed,
        });
        const { reports, gradients } = await stepper.step(live.parameters, micros);
        const loss = mean(reports.map(({ loss: l }) => l![0]!));
        const tensors = new Map([...gradients].map(([name, g]) => [name, { data: g }]));
        const norm = globalNorm(tensors.values()) / micros.length;
        state.step++;
        requireFinite(state.step, loss, norm, gradients);
        updateParameters(
          { parameters: live.parameters, gradients: tensors, moments: live.moments, groups },
          {
            lr: learningRate,
            beta1: recipe.beta1,
            beta2: recipe.beta2,
            eps: recipe.eps,
            step: state.step,
            gradScale: (recipe.clipNorm === null ? 1 : clipCoefficient(norm, recipe.clipNorm)) / micros.length,
          },
        );
        if (live.average && recipe.ema !== null) updateEma(live.average, live.parameters, recipe.ema);
        const elapsed = (performance.now() - mark) / 1000;
        state.seconds += elapsed;
        state.lossSum += loss;
        stepSeconds += elapsed;
        imagesSinceLog += recipe.batchSize;
        lossesSinceLog.push(loss);
        if (state.step % logEvery === 0 || state.step === totalSteps) {
          const rateNow = imagesSinceLog / stepSeconds;
          const at = state.step / perEpoch;
          state.history.push({ step: state.step, epoch: at, loss: mean(lossesSinceLog), learning_rate: learningRate, grad_norm: norm });
          yield {
            kind: "step",
            step: state.step,
            totalSteps,
            epoch: at,
            loss: mean(lossesSinceLog),
            learningRate,
            gradientNorm: norm,
            imagesPerSecond: rateNow,
            etaSeconds: ((totalSteps - state.step) * recipe.batchSize) / rateNow,
            waitingShare: waited / 1000 / stepSeconds,
          };
          [stepSeconds, imagesSinceLog, lossesSinceLog, waited] = [0, 0, [], 0];
        }
        const pauseStart = performance.now();
        if (state.step % evaluateEvery === 0 || state.step === totalSteps) {
          const metrics = await evaluateSamples(evaluated(), data.validation, data.classes);
          const value = metrics[recipe.best] as number;
          const better = isBetter(recipe, value, state.best?.value);
          if (better) {
            state.best = { step: state.step, value };
            best = { ...evaluated(), parameters: copyAll(evaluated().parameters) };
            await saveBest(options.output, best);
          }
          state.history.push({
            step: state.step,
            epoch: state.step / perEpoch,
            eval_loss: metrics.loss,
            eval_accuracy: metrics.accuracy,
            eval_balanced_accuracy: metrics.balanced_accuracy,
          });
          yield { kind: "evaluation", step: state.step, epoch: state.step / perEpoch, metrics, best: better };
        }
        const stopping = options.signal?.aborted ?? false;
        if (state.step % saveEvery === 0 || stopping || state.step === totalSteps) {
          await save();
          yield { kind: "checkpoint", step: state.step };
        }
        const paused = (performance.now() - pauseStart) / 1000;
        state.pausedSeconds += paused;
        state.seconds += paused;
        if (stopping && state.step < totalSteps) {
          yield { kind: "interrupted", step: state.step };
          return { model: evaluated(), state, data, totalSteps, interrupted: true };
        }
        mark = performance.now();
      }
    }
  } finally {
    await Promise.all([stepper.close(), loader.close()]);
  }
  return { model: best ?? evaluated(), state, data, totalSteps, interrupted: false };
}
