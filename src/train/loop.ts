import type { Batch } from "../dataset/loader.ts";
import { clipCoefficient, firstNonFinite } from "../optim/clip.ts";
import { BeitError } from "../platform/errors.ts";
import { lockFolder } from "../platform/runs.ts";
import { BEST, type RunState, removeLeftovers, saveCheckpoint } from "./checkpoint.ts";
import { epochPlan, type TrainingData } from "./data.ts";
import type { RunEvent, StartReport, StepReport } from "./events.ts";
import { createMeter, type Measured } from "./meter.ts";
import { currentModel, openRun, type Run, type RunOptions } from "./run.ts";
import type { MicroBatch } from "./stepper.ts";
import type { Task } from "./task.ts";

/** A finished (or interrupted) run. */
export interface RunResult<Model> {
  readonly model: Model;
  readonly state: RunState;
  readonly data: TrainingData;
  readonly totalSteps: number;
  readonly interrupted: boolean;
}

/**
 * Runs a task and yields what happens. Per step: read a batch, differentiate, clip, update, average; now and then report,
 * evaluate, save. The generator returns the weights that the evaluation chose.
 * @param open makes the task once the folder is locked; it is closed in the end
 * @throws BeitError for everything the user can mend, e.g. `train/non-finite`; the newest checkpoint stays
 */
export async function* runTask<Model, Metrics>(
  open: () => Promise<Task<Model, Metrics>>,
  options: RunOptions,
): AsyncGenerator<RunEvent<Metrics>, RunResult<Model>> {
  const unlock = await lockFolder(options.output);
  let task: Task<Model, Metrics> | undefined;
  let run: Run<Model, Metrics> | undefined;
  try {
    await removeLeftovers(options.output);
    task = await open();
    run = await openRun(task, options);
    yield { kind: "start", ...describeStart(run) };
    return yield* trainSteps(run, options);
  } finally {
    try {
      await run?.close();
      await task?.close();
    } finally {
      await unlock();
    }
  }
}

async function* trainSteps<Model, Metrics>(
  run: Run<Model, Metrics>,
  options: RunOptions,
): AsyncGenerator<RunEvent<Metrics>, RunResult<Model>> {
  const { task, perEpoch, totalSteps } = run;
  const { recipe, data } = task;
  const { state } = run.live;
  const due = (every: number) => isDue(state.step, every) || state.step === totalSteps;
  const meter = createMeter();
  const result = (interrupted: boolean): RunResult<Model> => ({
    model: (!interrupted && run.best) || currentModel(run),
    state,
    data,
    totalSteps,
    interrupted,
  });
  while (state.step < totalSteps) {
    for await (const batch of remainingBatches(run)) {
      meter.dataArrived();
      yield* tellUnreadable(run, replaceUnreadable(batch));
      const micros = await task.microBatches(batch, state.step);
      meter.inputsPrepared();
      const taken = await takeStep(run, micros);
      state.seconds += meter.stepDone(recipe.batchSize);
      if (due(options.logEvery ?? 10)) yield { kind: "step", ...report(run, meter.take(), taken) };
      if (due(recipe.evaluateEvery * perEpoch)) yield* evaluateNow(run, options.output);
      const pause = () => {
        const paused = meter.pauseDone();
        state.seconds += paused;
        state.pausedSeconds += paused;
      };
      pause();
      const stopping = options.signal?.aborted ?? false;
      if (stopping || due(options.saveEvery ?? Math.min(perEpoch, 200))) {
        await saveCheckpoint(options.output, run.live);
        yield { kind: "checkpoint", step: state.step };
      }
      pause();
      if (stopping && state.step < totalSteps) {
        yield { kind: "interrupted", step: state.step };
        return result(true);
      }
    }
  }
  return result(false);
}

/** Whether a multiple of `every` steps, which need not be whole, has been reached since the step before. */
const isDue = (step: number, every: number) => {
  const times = (steps: number) => Math.floor(steps / Math.max(1, every));
  return times(step) > times(step - 1);
};

/** The rest of the epoch at hand, but no more steps than the run has left. */
function remainingBatches<Model, Metrics>({
  loader,
  task,
  live: { state },
  perEpoch,
  totalSteps,
}: Run<Model, Metrics>) {
  const epoch = Math.floor(state.step / perEpoch);
  const plan = epochPlan(task.data, task.recipe, epoch, state.step % perEpoch);
  return loader.batches(plan.slice(0, totalSteps - state.step));
}

/**
 * Puts a readable picture of the batch in the place of every unreadable one.
 * @returns what is wrong with those
 * @throws BeitError of the first when no picture of the batch can be read
 */
function replaceUnreadable({ errors, indices, labels, pixels, tokenizerPixels }: Batch): string[] {
  if (errors.length === 0) return [];
  if (errors.length === indices.length) throw errors[0]!.error;
  const bad = new Set(errors.map(({ row }) => row));
  const good = Array.from(indices.keys()).filter((row) => !bad.has(row));
  for (const [i, { row }] of errors.entries()) {
    const from = good[i % good.length]!;
    for (const values of [pixels, tokenizerPixels]) {
      const size = values.length / indices.length;
      values.copyWithin(row * size, from * size, (from + 1) * size);
    }
    labels[row] = labels[from]!;
  }
  return errors.map(({ error }) => error.message);
}

/** What was not said before of pictures that cannot be read. */
function* tellUnreadable<Model, Metrics>(
  { unreadable, live }: Run<Model, Metrics>,
  found: readonly string[],
): Generator<RunEvent<Metrics>> {
  const messages = found.filter((message) => !unreadable.has(message));
  for (const message of messages) unreadable.add(message);
  if (messages.length) yield { kind: "unreadable", step: live.state.step, messages, total: unreadable.size };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

interface StepTaken {
  readonly learningRate: number;
  readonly gradientNorm: number;
}

/** One optimizer step; changes `run.live`. */
async function takeStep<Model, Metrics>(run: Run<Model, Metrics>, micros: readonly MicroBatch[]): Promise<StepTaken> {
  const { live, task } = run;
  const { recipe } = task;
  const { state } = live;
  const learningRate = run.rate(state.step);
  const { reports } = await run.stepper.step(micros);
  const loss = mean(reports.map((outputs) => outputs.loss![0]!));
  const gradientNorm = (await run.updater.addUp()) / micros.length; // sums over micro-batches, of which the loss is the mean
  requireFinite(state.step + 1, loss, gradientNorm, run.stepper.gradients[0]);
  state.step++;
  state.lossSum += loss;
  state.recent.push({ loss, ...task.figures?.(reports) });
  const clip = recipe.clipNorm === null ? 1 : clipCoefficient(gradientNorm, recipe.clipNorm);
  await run.updater.update(
    {
      lr: learningRate,
      beta1: recipe.beta1,
      beta2: recipe.beta2,
      eps: recipe.eps,
      step: state.step,
      gradScale: clip / micros.length,
    },
    recipe.ema,
  );
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
  const hint = "lower the learning rate, lengthen the warm-up, or set clipNorm; checkpoints saved before are kept";
  throw new BeitError("train/non-finite", `step ${step}: ${what} is not finite; ${hint}`);
}

/**
 * Evaluates the model at hand and keeps it when it is the best so far.
 * @throws BeitError `train/not-measured`
 */
async function* evaluateNow<Model, Metrics>(
  run: Run<Model, Metrics>,
  output: string,
): AsyncGenerator<RunEvent<Metrics>> {
  const { task, live } = run;
  const { state } = live;
  const model = currentModel(run);
  const { metrics, figures, value, unreadable = [] } = await task.evaluate(model);
  yield* tellUnreadable(run, unreadable);
  if (!Number.isFinite(value)) {
    const message = `step ${state.step}: no figure of the held-out pictures: can any of them be read?`;
    throw new BeitError("train/not-measured", message);
  }
  const before = state.best?.value;
  const best = before === undefined || (task.lessIsBetter ? value < before : value > before);
  if (best) {
    state.best = { step: state.step, value };
    run.best = model;
    await task.save(`${output}/${BEST}`, run.best);
  }
  const epoch = state.step / run.perEpoch;
  state.history.push({ step: state.step, epoch, ...figures });
  yield { kind: "evaluation", step: state.step, epoch, metrics, best };
}

function describeStart<Model, Metrics>({ task, live, totalSteps }: Run<Model, Metrics>): StartReport {
  const { data, from, loaded } = task;
  return {
    samples: data.epochLength,
    validation: data.validation.length,
    classes: data.classes,
    parameters: [...live.parameters.values()].reduce((sum, { data: values }) => sum + values.length, 0),
    from,
    loaded: loaded.length,
    totalSteps,
    step: live.state.step,
  };
}

/** Means over the steps since the last report; also put into the history. */
function report<Model, Metrics>(run: Run<Model, Metrics>, measured: Measured, taken: StepTaken): StepReport {
  const { live, perEpoch, totalSteps, task } = run;
  const { state } = live;
  const [step, epoch] = [state.step, state.step / perEpoch];
  const means = Object.entries(state.recent[0]!).map(
    ([name]) => [name, mean(state.recent.map((f) => f[name]!))] as const,
  );
  const { loss, ...figures } = Object.fromEntries(means) as { loss: number } & Record<string, number>;
  state.recent = [];
  const { learningRate, gradientNorm } = taken;
  state.history.push({ step, epoch, loss, ...figures, learning_rate: learningRate, grad_norm: gradientNorm });
  const imagesPerSecond = measured.images / measured.seconds;
  return {
    step,
    totalSteps,
    epoch,
    loss,
    figures,
    learningRate,
    gradientNorm,
    imagesPerSecond,
    etaSeconds: ((totalSteps - step) * task.recipe.batchSize) / imagesPerSecond,
    waitingShare: measured.waitedSeconds / measured.seconds,
    preparingShare: measured.preparedSeconds / measured.seconds,
  };
}
