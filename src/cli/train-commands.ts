import type { Command } from "commander";
import { positiveNumber, threadCount, wholeNumber } from "./arguments.ts";
import type { PretrainCommandOptions } from "./pretrain.ts";
import type { TokenizerCommandOptions } from "./tokenizer.ts";
import type { TrainCommandOptions } from "./train.ts";

// The commands that train: their options are the keys of a recipe that are asked for most, and how to run it.

/** Told the exit code of the command that ran. */
export type Finished = (exitCode: number) => void;

const TRAIN_NOTES = `
A recipe file holds every setting there is, those above and many more (docs/recipes.md lists them); the
recipe of a finished run lies in its folder as recipe.json. Ctrl-C saves; --resume goes on bit for bit.

Examples:
  beit train photos -o runs/photos --image-size 112 --epochs 20
  beit train photos -o runs/more -m runs/photos --image-size 112 --epochs 2`;

/** `beit train` */
export function addTrain(program: Command, finished: Finished): void {
  const command = program
    .command("train")
    .description("fine-tune a classifier on a folder of images")
    .argument("<dataset>", "folder: {train,validation}/CLASS/*, CLASS/*, or with a metadata file")
    .requiredOption("-o, --output <folder>", "where the run and the finished model go")
    .option("-r, --recipe <file>", "JSON file of settings; options below win over it")
    .option(
      "-m, --model <name|folder>",
      "pretrained (default), a preset (tiny, small, base, large) from scratch, or a model",
    )
    .option("--layer-decay <x>", "factor on the learning rate per layer", positiveNumber(1))
    .option("--train-layers <k>", "train the head and the last k blocks only; 0: the head alone", wholeNumber(0))
    .option("--label-fraction <x>", "share of the training pictures to use, from 0 to 1", positiveNumber(1))
    .option("--holdout-source <name...>", "keep these sources out of training and validate on them");
  runOptions(command, TRAIN_NOTES).action(async (dataset: string, options: TrainCommandOptions) => {
    const { runTrain } = await import("./train.ts");
    finished(await runTrain(dataset, options));
  });
}

/** Options of every command that trains, and its notes. */
const runOptions = (command: Command, notes: string): Command =>
  command
    .option("--epochs <n>", "passes over the training pictures, fractions too", positiveNumber())
    .option("--batch-size <n>", "images per step", wholeNumber(1))
    .option("--image-size <px>", "input height and width", wholeNumber(1))
    .option("--learning-rate <x>", "peak learning rate", positiveNumber())
    .option("--seed <n>", "of all random choices", wholeNumber(0))
    .option("--resume", "go on from the newest checkpoint in the output folder")
    .option("--workers <n>", "training threads (default: measured for a long run)", threadCount(1))
    .option("--threads <n>", "threads inside each (default: likewise)", threadCount(1))
    .option("--save-every <steps>", "steps between checkpoints", wholeNumber(1))
    .addHelpText("after", notes);

const PICTURES = "folder of pictures, in any layout, labelled or not; its test split is left alone";

const TOKENIZER_NOTES = `
After every epoch it measures held-out pictures (a validation split, or 2 % of them) and draws originals beside
reconstructions in reconstructions.png. A recipe file holds every setting (docs/pretraining.md lists them).

Examples:
  beit tokenizer photos -o runs/tokenizer --epochs 20
  beit pretrain photos -o runs/pretrained --tokenizer runs/tokenizer`;

/** `beit tokenizer` */
export function addTokenizer(program: Command, finished: Finished): void {
  const command = program
    .command("tokenizer")
    .description("train an image tokenizer, whose codes pre-training predicts")
    .argument("<images>", PICTURES)
    .requiredOption("-o, --output <folder>", "where the run and the finished tokenizer go")
    .option("-r, --recipe <file>", "JSON file of settings; options below win over it")
    .option("-m, --model <name|folder>", "tiny, small, base, full, or a tokenizer to go on from");
  runOptions(command, TOKENIZER_NOTES).action(async (images: string, options: TokenizerCommandOptions) => {
    const { runTokenizer } = await import("./tokenizer.ts");
    finished(await runTokenizer(images, options));
  });
}

const PRETRAIN_NOTES = `
Masked image modelling: of every picture about 40 % of the patches are masked, in blocks, and their visual tokens
are predicted. A recipe file holds every setting (docs/pretraining.md lists them).

Examples:
  beit pretrain photos -o runs/pretrained --tokenizer runs/tokenizer --image-size 112 --epochs 50
  beit train labelled -o runs/classifier -m runs/pretrained --image-size 112`;

/** `beit pretrain` */
export function addPretrain(program: Command, finished: Finished): void {
  const command = program
    .command("pretrain")
    .description("pre-train an encoder on pictures without labels")
    .argument("<images>", PICTURES)
    .requiredOption("-o, --output <folder>", "where the run and the finished encoder go")
    .option("-t, --tokenizer <folder|file>", "from beit tokenizer, or DALL-E's encoder.pkl; default: the shipped one")
    .option("-r, --recipe <file>", "JSON file of settings; options here win over it")
    .option("-m, --model <name|folder>", "tiny, small, base, large, or a model to go on from");
  runOptions(command, PRETRAIN_NOTES).action(async (images: string, options: PretrainCommandOptions) => {
    const { runPretrain } = await import("./pretrain.ts");
    finished(await runPretrain(images, options));
  });
}
