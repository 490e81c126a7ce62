import { interruptible, openOutput, say, wantsColor } from "../platform/console.ts";
import { readJson } from "../platform/files.ts";
import { formatEvaluation } from "../report/evaluation.ts";
import { finishRun } from "../report/run.ts";
import { parseRecipe, type Recipe } from "../train/recipe.ts";
import { type StagesEvent, trainStages } from "../train/stages.ts";
import { describeRun, drain, given, type RunCommandOptions, requireFresh } from "./training.ts";

/** What `beit train` was asked for: keys of a recipe, and how to run it. */
export interface TrainCommandOptions
  extends RunCommandOptions,
    Partial<Pick<Recipe, "model" | "epochs" | "batchSize" | "imageSize" | "learningRate" | "layerDecay" | "seed">> {
  readonly labelFraction?: number;
  readonly trainLayers?: number;
  readonly holdoutSource?: readonly string[];
}

/** Fine-tunes and writes the finished model; resolves to the exit code. */
export async function runTrain(dataset: string, options: TrainCommandOptions): Promise<number> {
  const { output: folder, recipe: file, resume = false } = options;
  const recipe = parseRecipe(file ? await readJson(file) : {}, overridesOf(options), file ?? "options");
  await requireFresh(folder, resume);
  const results = await interruptible((signal) =>
    drain(trainStages(dataset, recipe, { ...options, resume, signal, onRemark: say }), describe),
  );
  if (results.at(-1)!.interrupted) return 130;
  const { report, printed, remarks } = await finishRun({ output: folder, dataset, recipe, results });
  const output = await openOutput();
  await output.write(`${formatEvaluation(report, { color: wantsColor() })}\n\n${printed}\n`);
  for (const remark of remarks) say(`beit: ${remark}`);
  return 0;
}

/** Options that are keys of a recipe. */
function overridesOf(options: TrainCommandOptions): Record<string, unknown> {
  const { model, epochs, batchSize, imageSize, learningRate, layerDecay, labelFraction, trainLayers, seed } = options;
  const holdout = options.holdoutSource && { key: "source", values: options.holdoutSource };
  const often = { model, epochs, batchSize, imageSize, learningRate, layerDecay, labelFraction, trainLayers, seed };
  return given({ ...often, holdout });
}

/** One line of progress; the same words on a terminal and in a log. */
function describe(event: StagesEvent): string | undefined {
  if (event.kind === "stage") {
    const { imageSize, epochs } = event.recipe;
    return `stage ${event.number} of ${event.count}: ${imageSize} px, ${epochs} epochs`;
  }
  return describeRun(event, ({ accuracy, balanced_accuracy, loss }) =>
    [`accuracy ${accuracy.toFixed(4)}`, `balanced ${balanced_accuracy.toFixed(4)}`, `loss ${loss.toFixed(4)}`].join(
      "  ",
    ),
  );
}
