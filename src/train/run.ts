import { WIDE } from "../beit/config.ts";
import { createLoader, type Loader } from "../dataset/loader.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import { defaultProcessor, type ImageProcessor } from "../image/processor.ts";
import { type Schedule, schedule } from "../optim/schedule.ts";
import { BeitError } from "../platform/errors.ts";
import { coreCount } from "../platform/machine.ts";
import type { RunState } from "./checkpoint.ts";
import { openTrainingData, stepsPerEpoch, type TrainingData } from "./data.ts";
import { fineTuneStep } from "./fine-tune.ts";
import type { Recipe } from "./recipe.ts";
import { type Start, startModel } from "./start.ts";
import { freshState, groupsOf, type Live, loadBest, resumeFrom } from "./state.ts";
import { createStepper, type Stepper } from "./stepper.ts";
import { createUpdater, type Updater } from "./updater.ts";

/** Where and how a run happens: nothing here changes its result, but workers and threads may change its last bits. */
export interface RunOptions {
  readonly output: string;
  /** Go on from the newest checkpoint in `output`, if there is one. */
  readonly resume?: boolean;
  /** Ends the run after the step at hand, saved. */
  readonly signal?: AbortSignal;
  readonly workers?: number;
  readonly threads?: number;
  /** Steps between checkpoints. Default: an epoch, at most 200. */
  readonly saveEvery?: number;
  /** Steps between progress events. Default 10. */
  readonly logEvery?: number;
}

/** Everything a run holds while it goes. */
export interface Run {
  readonly recipe: Recipe;
  readonly data: TrainingData;
  readonly start: Start;
  readonly live: Live;
  readonly processor: ImageProcessor;
  readonly microBatch: number;
  readonly step: ReturnType<typeof fineTuneStep>;
  readonly loader: Loader;
  readonly stepper: Stepper;
  readonly updater: Updater;
  /** Learning rate by step, counted from 0. */
  readonly rate: Schedule;
  readonly perEpoch: number;
  readonly totalSteps: number;
  /** The weights that the validation metric chose, once there are any. */
  best: TrainedModel | undefined;
  close(): Promise<void>;
}

/**
 * Images that go through the graph at once: few enough that activations stay in the last-level cache (docs/log.md), 4
 * of 224 px (8 for wide models), more of smaller or partly seen ones.
 */
function microBatchOf(recipe: Recipe, hiddenSize: number): number {
  const share = ((recipe.imageSize / 224) ** 2 * recipe.patchesPerCell) / 4;
  const size = recipe.microBatch ?? Math.max(1, Math.round((hiddenSize >= WIDE ? 8 : 4) / share));
  if (recipe.microBatch && recipe.batchSize % size) {
    throw new BeitError("recipe/invalid", `batchSize ${recipe.batchSize} is not a multiple of microBatch ${size}`);
  }
  return largestDivisor(recipe.batchSize, size);
}

function largestDivisor(of: number, most: number): number {
  for (let divisor = Math.min(of, most); ; divisor--) if (of % divisor === 0) return divisor;
}

/**
 * Narrow models run as several single-threaded workers, wide ones as one on all cores (docs/log.md). A resumed run keeps
 * the layout it began with, since the last bits of a sum depend on it, unless options say otherwise.
 */
function layoutOf(
  options: RunOptions,
  hiddenSize: number,
  micros: number,
  before?: RunState["layout"],
): RunState["layout"] {
  const cores = coreCount();
  const workers = Math.min(micros, options.workers ?? before?.workers ?? (hiddenSize >= WIDE ? 1 : cores));
  return { workers, threads: options.threads ?? before?.threads ?? Math.max(1, Math.floor(cores / workers)) };
}

/** Opens data and model, resumes where asked to, and starts the threads. */
export async function openRun(dataset: string, recipe: Recipe, options: RunOptions): Promise<Run> {
  const data = await openTrainingData(dataset, recipe);
  const perEpoch = stepsPerEpoch(data, recipe);
  const totalSteps = Math.ceil(perEpoch * recipe.epochs);
  const start = await startModel(recipe, data.classes);
  const { config } = start;
  const microBatch = microBatchOf(recipe, config.hiddenSize);
  const origin = { labels: [...data.classes], fingerprint: data.fingerprint };
  const resumed = options.resume ? await resumeFrom(options.output, recipe, origin) : undefined;
  const layout = layoutOf(options, config.hiddenSize, recipe.batchSize / microBatch, resumed?.state.layout);
  const live = resumed ?? freshState(start.parameters, recipe, { ...origin, layout }, config.numLayers);
  const best = live.state.best && (await loadBest(options.output));
  const step = fineTuneStep(config, microBatch, recipe.patchesPerCell);
  const processor = defaultProcessor(config.imageSize);
  const stepper = await createStepper(step.graphs, step.inputs, layout);
  const groups = groupsOf(live.parameters, recipe, config.numLayers);
  const updater = await createUpdater(live, groups, { threads: layout.workers * layout.threads });
  const loader = await createLoader({
    samples: data.samples,
    size: config.imageSize,
    batchSize: recipe.batchSize,
    processor,
    augment: recipe.augment,
    occlusion: data.occlusion,
    seed: recipe.seed,
  });
  return {
    recipe,
    data,
    start,
    live,
    processor,
    microBatch,
    step,
    loader,
    stepper,
    updater,
    rate: schedule(recipe.schedule, {
      base: recipe.learningRate,
      totalSteps,
      warmupSteps: Math.round(recipe.warmupEpochs * perEpoch),
      final: recipe.minLearningRate,
    }),
    perEpoch,
    totalSteps,
    best,
    async close() {
      await Promise.all([stepper.close(), updater.close(), loader.close()]);
    },
  };
}

/** The model that is evaluated and kept: the moving average where there is one. */
export const currentModel = ({ start, processor, live }: Run): TrainedModel => ({
  config: start.config,
  processor,
  parameters: live.average ?? live.parameters,
});
