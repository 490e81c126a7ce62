import type { ReconstructionMetrics } from "../evaluate/reconstruction.ts";
import { interruptible, say } from "../platform/console.ts";
import { encodePng } from "../platform/decode.ts";
import { readJson, writeFileAtomic } from "../platform/files.ts";
import { percentText } from "../report/numbers.ts";
import { finishTokenizer } from "../report/self-supervised-run.ts";
import { reconstructionSheet } from "../report/sheet.ts";
import { type TokenizerEvent, trainTokenizer } from "../train/tokenizer.ts";
import { parseTokenizerRecipe, type TokenizerRecipe } from "../train/tokenizer-recipe.ts";
import { describeRun, drain, given, type RunCommandOptions, requireFresh } from "./training.ts";

/** What `beit tokenizer` was asked for: keys of a recipe, and how to run it. */
export interface TokenizerCommandOptions
  extends RunCommandOptions,
    Partial<Pick<TokenizerRecipe, "model" | "epochs" | "batchSize" | "imageSize" | "learningRate" | "seed">> {}

const SHEET = "reconstructions.png";

/** Trains an image tokenizer and writes its folder; resolves to the exit code. */
export async function runTokenizer(images: string, options: TokenizerCommandOptions): Promise<number> {
  const { output, recipe: file, resume = false } = options;
  const { model, epochs, batchSize, imageSize, learningRate, seed } = options;
  const overrides = given({ model, epochs, batchSize, imageSize, learningRate, seed });
  const recipe = parseTokenizerRecipe(file ? await readJson(file) : {}, overrides, file ?? "options");
  await requireFresh(output, resume);
  const describe = async (event: TokenizerEvent) => {
    if (event.kind === "evaluation") await writeSheet(`${output}/${SHEET}`, event.metrics, recipe.imageSize);
    return describeRun(event, formatReconstruction);
  };
  const result = await interruptible((signal) =>
    drain(trainTokenizer(images, recipe, { ...options, resume, signal, onRemark: say }), describe),
  );
  if (result.interrupted) return 130;
  await finishTokenizer({ output, images, recipe, result });
  say(`wrote ${output}: the tokenizer, report.html, and originals beside reconstructions in ${SHEET}`);
  return 0;
}

async function writeSheet(path: string, metrics: ReconstructionMetrics, edge: number): Promise<void> {
  await writeFileAtomic(path, await encodePng(reconstructionSheet(metrics.originals, metrics.reconstructions, edge)));
}

const COLLAPSED = 0.03; // of the vocabulary: so few codes in use tell little of a picture

/** One line about reconstructions, and another when the codes have collapsed. */
function formatReconstruction({ error, psnr, usage, perplexity, vocabulary }: ReconstructionMetrics): string {
  const share = perplexity / vocabulary;
  const line = [
    `error ${error.toFixed(5)} (PSNR ${psnr.toFixed(1)} dB)`,
    `${percentText(usage)} of ${vocabulary} codes in use`,
    `perplexity ${perplexity.toFixed(0)} (${percentText(share)})`,
  ].join("  ");
  if (share >= COLLAPSED) return line;
  const hint = "raise diversityWeight, lower divergenceWeight or lower learningRate; early in a run it may pass";
  return `${line}\nfew codes are in use: ${hint}`;
}
