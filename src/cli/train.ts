import { readJson } from "../platform/files.ts";
import { namesIn } from "../platform/runs.ts";
import { BeitError } from "../platform/errors.ts";
import { durationText } from "../report/numbers.ts";
import { formatEvaluation } from "../report/evaluation.ts";
import { finishRun } from "../report/run.ts";
import { train, type TrainEvent, type TrainResult } from "../train/loop.ts";
import { parseRecipe } from "../train/recipe.ts";

/** What `beit train` was asked for. */
interface TrainOptions {
  readonly output: string;
  readonly recipe?: string;
  readonly resume?: boolean;
  readonly workers?: number;
  readonly threads?: number;
  readonly saveEvery?: number;
  readonly holdoutSource?: readonly string[];
}

const recipeKeys = ["model", "epochs", "batchSize", "imageSize", "learningRate", "layerDecay", "seed"] as const;

/** Options that are keys of a recipe. */
function overridesOf(options: Record<string, unknown>): Record<string, unknown> {
  const given = recipeKeys.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]] as const]));
  const sources = options.holdoutSource as readonly string[] | undefined;
  return { ...Object.fromEntries(given), ...(sources ? { holdout: { key: "source", values: sources } } : {}) };
}

/** One line of progress; the same words on a terminal and in a log. */
function describe(event: TrainEvent): string | undefined {
  switch (event.kind) {
    case "start": {
      const resumed = event.step ? `, resuming after step ${event.step}` : "";
      const origin = event.loaded ? `${event.from} (${event.loaded} tensors taken over)` : `${event.from}, from scratch`;
      return `${event.samples} pictures an epoch, ${event.validation} for validation; classes ${event.classes.join(", ")}; model ${origin}, ${event.parameters.toLocaleString("en")} parameters; ${event.totalSteps} steps${resumed}`;
    }
    case "step": {
      const share = Math.round(100 * event.waitingShare);
      return `step ${event.step}/${event.totalSteps}  epoch ${event.epoch.toFixed(2)}  loss ${event.loss.toFixed(4)}  lr ${event.learningRate.toExponential(2)}  grad ${event.gradientNorm.toFixed(2)}  ${event.imagesPerSecond.toFixed(1)} img/s  waiting for data ${share} %  left ${durationText(event.etaSeconds)}`;
    }
    case "evaluation": {
      const { accuracy, balanced_accuracy, loss } = event.metrics;
      return `validation after epoch ${event.epoch.toFixed(2)}: accuracy ${accuracy.toFixed(4)}  balanced ${balanced_accuracy.toFixed(4)}  loss ${loss.toFixed(4)}${event.best ? "  (best so far)" : ""}`;
    }
    case "interrupted":
      return `interrupted: saved after step ${event.step}; go on with --resume`;
    default:
      return undefined;
  }
}

/** Fine-tunes and writes the finished model; resolves to the exit code. */
export async function runTrain(dataset: string, raw: Record<string, unknown>): Promise<number> {
  const options = raw as unknown as TrainOptions;
  const file = options.recipe;
  const recipe = parseRecipe(file ? await readJson(file) : {}, overridesOf(raw), file ?? "options");
  const earlier = (await namesIn(options.output)).some((name) => name.startsWith("checkpoint-") || name === "model.safetensors");
  if (earlier && !options.resume) {
    const hint = "add --resume to go on with it, or choose another folder with -o";
    throw new BeitError("run/exists", `${options.output}: there is a run or a model already; ${hint}`);
  }
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  try {
    const result = await drain(train(dataset, recipe, { ...options, resume: options.resume ?? false, signal: abort.signal }));
    if (result.interrupted) return 130;
    const { report, printed } = await finishRun(options.output, dataset, recipe, result);
    process.stdout.write(`${formatEvaluation(report)}\n${printed}`);
    return 0;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Prints events as they come; resolves to the result. */
async function drain(events: AsyncGenerator<TrainEvent, TrainResult>): Promise<TrainResult> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value;
    const line = describe(value);
    if (line) process.stderr.write(`${line}\n`);
  }
}
