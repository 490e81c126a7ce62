import { interruptible, openOutput, say, wantsColor } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { readJson } from "../platform/files.ts";
import { namesIn } from "../platform/runs.ts";
import { formatEvaluation } from "../report/evaluation.ts";
import { countText, durationText } from "../report/numbers.ts";
import { finishRun } from "../report/run.ts";
import type { StartReport, StepReport } from "../train/events.ts";
import { parseRecipe, type Recipe } from "../train/recipe.ts";
import { type StageResults, type StagesEvent, trainStages } from "../train/stages.ts";

/** What `beit train` was asked for: keys of a recipe, and how to run it. */
export interface TrainCommandOptions
  extends Partial<
    Pick<Recipe, "model" | "epochs" | "batchSize" | "imageSize" | "learningRate" | "layerDecay" | "seed">
  > {
  readonly output: string;
  readonly recipe?: string;
  readonly resume?: boolean;
  readonly workers?: number;
  readonly threads?: number;
  readonly saveEvery?: number;
  readonly holdoutSource?: readonly string[];
}

/** Fine-tunes and writes the finished model; resolves to the exit code. */
export async function runTrain(dataset: string, options: TrainCommandOptions): Promise<number> {
  const { output: folder, recipe: file, resume = false } = options;
  const recipe = parseRecipe(file ? await readJson(file) : {}, overridesOf(options), file ?? "options");
  if (!resume) await requireFresh(folder);
  const results = await interruptible((signal) => drain(trainStages(dataset, recipe, { ...options, resume, signal })));
  if (results.at(-1)!.interrupted) return 130;
  const { report, printed, remarks } = await finishRun({ output: folder, dataset, recipe, results });
  const output = await openOutput();
  await output.write(`${formatEvaluation(report, { color: wantsColor() })}\n\n${printed}\n`);
  for (const remark of remarks) say(`beit: ${remark}`);
  return 0;
}

/** Options that are keys of a recipe; parsing leaves out those that are undefined. */
function overridesOf(options: TrainCommandOptions): Record<string, unknown> {
  const { model, epochs, batchSize, imageSize, learningRate, layerDecay, seed, holdoutSource: values } = options;
  const holdout = values && { key: "source", values };
  const all = { model, epochs, batchSize, imageSize, learningRate, layerDecay, seed, holdout };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** @throws BeitError `run/exists` */
async function requireFresh(folder: string): Promise<void> {
  const names = await namesIn(folder);
  if (!names.some((name) => /^(checkpoint|stage)-\d+$|^model\.safetensors$/.test(name))) return;
  const hint = "add --resume to go on with it, or choose another folder with -o";
  throw new BeitError("run/exists", `${folder}: there is a run or a model already; ${hint}`);
}

/** Prints events as they come; resolves to the result. */
async function drain(events: AsyncGenerator<StagesEvent, StageResults>): Promise<StageResults> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value;
    const line = describe(value);
    if (line) say(line);
  }
}

/** One line of progress; the same words on a terminal and in a log. */
function describe(event: StagesEvent): string | undefined {
  switch (event.kind) {
    case "stage": {
      const { imageSize, epochs } = event.recipe;
      return `stage ${event.number} of ${event.count}: ${imageSize} px, ${epochs} epochs`;
    }
    case "start":
      return startLine(event);
    case "step":
      return stepLine(event);
    case "evaluation": {
      const { accuracy, balanced_accuracy, loss } = event.metrics;
      const figures = `accuracy ${accuracy.toFixed(4)}  balanced ${balanced_accuracy.toFixed(4)}  loss ${loss.toFixed(4)}`;
      return `validation after epoch ${event.epoch.toFixed(2)}: ${figures}${event.best ? "  (best so far)" : ""}`;
    }
    case "interrupted":
      return `interrupted: saved after step ${event.step}; go on with --resume`;
    default:
      return undefined;
  }
}

function startLine({ samples, validation, classes, parameters, from, loaded, totalSteps, step }: StartReport): string {
  const origin = loaded ? `${from} (${loaded} tensors taken over)` : `${from}, from scratch`;
  return [
    `${samples} pictures an epoch, ${validation} for validation`,
    `classes ${classes.join(", ")}`,
    `model ${origin}, ${countText(parameters)} parameters`,
    `${totalSteps} steps${step ? `, resuming after step ${step}` : ""}`,
  ].join("; ");
}

function stepLine(report: StepReport): string {
  const { step, totalSteps, epoch, loss, learningRate, gradientNorm, imagesPerSecond, etaSeconds } = report;
  return [
    `step ${step}/${totalSteps}`,
    `epoch ${epoch.toFixed(2)}`,
    `loss ${loss.toFixed(4)}`,
    `lr ${learningRate.toExponential(2)}`,
    `grad ${gradientNorm.toFixed(2)}`,
    `${imagesPerSecond.toFixed(1)} img/s`,
    `waiting for data ${Math.round(100 * report.waitingShare)} %`,
    `left ${durationText(etaSeconds)}`,
  ].join("  ");
}
