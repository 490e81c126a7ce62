import { createLoader, type Loader } from "../dataset/loader.ts";
import { usefulParts } from "../optim/part.ts";
import { type Schedule, schedule } from "../optim/schedule.ts";
import { BEST } from "./checkpoint.ts";
import { stepsPerEpoch } from "./data.ts";
import { chooseLayout } from "./layout.ts";
import { copyAll, freshState, type Live, resumeFrom, shareLive } from "./state.ts";
import { createStepper, type Stepper } from "./stepper.ts";
import type { Task } from "./task.ts";
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
  /** Told what happens before the first event. */
  readonly onRemark?: (text: string) => void;
}

/** Everything a run holds while it goes. */
export interface Run<Model, Metrics> {
  readonly task: Task<Model, Metrics>;
  readonly live: Live;
  readonly loader: Loader;
  readonly stepper: Stepper;
  readonly updater: Updater;
  /** Learning rate by step, counted from 0. */
  readonly rate: Schedule;
  readonly perEpoch: number;
  readonly totalSteps: number;
  /** The weights that the evaluation chose, once there are any. */
  best: Model | undefined;
  /** What was said of pictures that could not be read. */
  readonly unreadable: Set<string>;
  close(): Promise<void>;
}

/** Resumes where asked to, and starts the threads. */
export async function openRun<Model, Metrics>(
  task: Task<Model, Metrics>,
  options: RunOptions,
): Promise<Run<Model, Metrics>> {
  const { recipe, data, preparation } = task;
  const perEpoch = stepsPerEpoch(data, recipe);
  const totalSteps = Math.ceil(perEpoch * recipe.epochs);
  const resumed = options.resume ? await resumeFrom(options.output, task) : undefined;
  const { signal, onRemark } = options;
  if (options.resume && !resumed) onRemark?.(`${options.output}: no checkpoint is there to go on from: starts afresh`);
  const before = resumed?.state.layout; // the last bits depend on it
  const { workers = before?.workers, threads = before?.threads } = options;
  const layout = await chooseLayout(task, { workers, threads, steps: totalSteps, signal, onRemark });
  const live = resumed ?? freshState(task, layout);
  live.state.layout = layout;
  if (resumed) task.parameters.clear(); // what it would have begun with
  shareLive(live);
  const best = live.state.best && (await task.load(`${options.output}/${BEST}`));
  const opened: { close(): Promise<void> }[] = [];
  const close = async () => void (await Promise.all(opened.map((part) => part.close())));
  const keep = <Part extends { close(): Promise<void> }>(part: Part): Part => {
    opened.push(part);
    return part;
  };
  try {
    const stepper = keep(await createStepper(task.graphs, task.inputs, live.parameters, layout));
    const cores = layout.workers * layout.threads;
    const parts = usefulParts(stepper.gradients[0], live.average, cores);
    const updater = keep(await createUpdater(live, task.groups, stepper.gradients, { threads: cores, parts }));
    const { samples } = data;
    const { batchSize, seed } = recipe;
    const loader = keep(
      await (task.openLoader?.(copyAll(live.parameters)) ?? // onnxruntime takes no shared memory
        createLoader({ ...preparation, samples, batchSize, seed })),
    );
    const warmupSteps = Math.round(recipe.warmupEpochs * perEpoch);
    const { learningRate: base, minLearningRate: final } = recipe;
    const rate = schedule(recipe.schedule, { base, totalSteps, warmupSteps, final });
    return { task, live, loader, stepper, updater, rate, perEpoch, totalSteps, best, unreadable: new Set(), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A copy of the model that is evaluated and kept: the moving average where there is one. */
export const currentModel = <Model, Metrics>({ task, live }: Run<Model, Metrics>): Model =>
  task.model(copyAll(live.average ?? live.parameters));
