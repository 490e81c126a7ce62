import { interruptible, say } from "../platform/console.ts";
import { readJson } from "../platform/files.ts";
import { percentText } from "../report/numbers.ts";
import { finishPretraining } from "../report/self-supervised-run.ts";
import type { MaskedModellingMetrics } from "../train/masked-metrics.ts";
import { type PretrainEvent, pretrain } from "../train/pretrain.ts";
import { type PretrainRecipe, parsePretrainRecipe } from "../train/pretrain-recipe.ts";
import { describeRun, drain, given, type RunCommandOptions, requireFresh } from "./training.ts";

/** What `beit pretrain` was asked for: keys of a recipe, and how to run it. */
export interface PretrainCommandOptions
  extends RunCommandOptions,
    Partial<
      Pick<PretrainRecipe, "model" | "tokenizer" | "epochs" | "batchSize" | "imageSize" | "learningRate" | "seed">
    > {}

/** Pre-trains an encoder and writes its folder; resolves to the exit code. */
export async function runPretrain(images: string, options: PretrainCommandOptions): Promise<number> {
  const { output, recipe: file, resume = false } = options;
  const { model, tokenizer, epochs, batchSize, imageSize, learningRate, seed } = options;
  const overrides = given({ model, tokenizer, epochs, batchSize, imageSize, learningRate, seed });
  const recipe = parsePretrainRecipe(file ? await readJson(file) : {}, overrides, file ?? "options");
  await requireFresh(output, resume);
  const describe = (event: PretrainEvent) => describeRun(event, formatMasked);
  const result = await interruptible((signal) =>
    drain(pretrain(images, recipe, { ...options, resume, signal, onRemark: say }), describe),
  );
  if (result.interrupted) return 130;
  await finishPretraining({ output, images, recipe, result });
  say(`wrote ${output}: the encoder with its head, and report.html; fine-tune it with beit train -m ${output}`);
  return 0;
}

/** One line about masked patches, and whether its figures are normal. */
function formatMasked({ loss, tokens }: MaskedModellingMetrics): string {
  if (!tokens) return `mean squared error of masked pixels ${loss.toFixed(4)}`;
  const { accuracy, blindLoss, blindAccuracy, vocabulary } = tokens;
  const line = `loss ${loss.toFixed(4)}  masked-token accuracy ${percentText(accuracy)}`;
  const blind = `guessing by the frequencies of the tokens alone: ${blindLoss.toFixed(4)}, ${percentText(blindAccuracy)}`;
  return `${line}\n  ${blind}; ${verdict(loss, blindLoss, vocabulary)}`;
}

/** In plain words where a loss lies between knowing nothing and knowing the tokens. */
function verdict(loss: number, blindLoss: number, vocabulary: number): string {
  const nothing = Math.log(vocabulary);
  if (loss > nothing) return "worse than knowing nothing: the learning rate is probably too high";
  if (loss > blindLoss) return "so far it has learnt at most which tokens are frequent: normal in the first epochs";
  if (loss > 0.9 * blindLoss) return "it begins to use what surrounds a patch: normal early on, low for a long run";
  return "it predicts from what surrounds a patch, as it should; the loss falls slowly from here";
}
