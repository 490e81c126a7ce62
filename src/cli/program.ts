import { Command, CommanderError, Option } from "commander";
import { packageVersion } from "../platform/package.ts";
import { names, share, wholeNumber } from "./arguments.ts";
import type { EvaluateCommandOptions } from "./evaluate.ts";
import type { PredictOptions } from "./predict.ts";

/** Commands load what they need when they run: `beit --help` imports nothing else. */
export function createProgram(): Command {
  const program = new Command("beit")
    .description("Image transformers for TypeScript: train, evaluate and run BEiT on ordinary CPUs.")
    .version(packageVersion())
    .showHelpAfterError("(add --help for usage)")
    .exitOverride((error) => {
      if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
      throw error;
    });

  program
    .command("train")
    .description("fine-tune a classifier on a folder of images")
    .argument("<dataset>", "folder: {train,validation}/CLASS/*, CLASS/*, or with a metadata file")
    .requiredOption("-o, --output <folder>", "where the run and the finished model go")
    .option("-r, --recipe <file>", "JSON file of settings; options below win over it")
    .option("-m, --model <name|folder>", "tiny, small, base, large, or a model to start from")
    .option("--epochs <n>", "passes over the training pictures", Number)
    .option("--batch-size <n>", "images per step", Number)
    .option("--image-size <px>", "input height and width", Number)
    .option("--learning-rate <x>", "peak learning rate", Number)
    .option("--layer-decay <x>", "factor on the learning rate per layer", Number)
    .option("--seed <n>", "of all random choices", Number)
    .option("--holdout-source <name...>", "keep these sources out of training and validate on them")
    .option("--resume", "go on from the newest checkpoint in the output folder")
    .option("--workers <n>", "training threads", Number)
    .option("--threads <n>", "threads inside each", Number)
    .option("--save-every <steps>", "steps between checkpoints", Number)
    .action(async (dataset: string, options: Record<string, unknown>) => {
      const { runTrain } = await import("./train.ts");
      process.exitCode = await runTrain(dataset, options);
    });
  addEvaluate(program);
  addPredict(program);
  addInfo(program);
  addForward(program);
  addExport(program);
  return program;
}

const MODEL = "model folder (Hugging Face), or a file of weights";

function addEvaluate(program: Command): void {
  program
    .command("evaluate")
    .description("measure a classifier on a labelled folder of images")
    .argument("<model>", MODEL)
    .argument("<dataset>", "folder: {train,validation,test}/CLASS/*, CLASS/*, or with a metadata file")
    .option("--split <name>", "pictures to use (default: validation where there is one, else all)")
    .option("--by <attributes>", 'report each value of these attributes on its own, e.g. "source,kind"', names)
    .option("--json", "print JSON")
    .option("-o, --output <file>", "write the report there instead of printing it")
    .option("--html <file>", "write a page with figures as well")
    .option("--min-balanced-accuracy <x>", "exit with 3 when it is lower, from 0 to 1", share)
    .option("--workers <n>", "prediction threads", wholeNumber(1))
    .action(async (model: string, dataset: string, options: EvaluateCommandOptions) => {
      const { runEvaluate } = await import("./evaluate.ts");
      process.exitCode = await runEvaluate(model, dataset, options);
    });
}

function addPredict(program: Command): void {
  program
    .command("predict")
    .description("classify pictures")
    .argument("[images...]", 'files, folders, patterns such as "photos/**/*.jpg", - for a picture from standard input')
    .option("-m, --model <folder>", `${MODEL} (default: the face-mask detector that comes with beit)`)
    .option("-k, --top-k <n>", "classes shown for each picture (default: 1; 5 in json and jsonl)", wholeNumber(1))
    .addOption(
      new Option("-f, --format <format>", "form of the answer")
        .choices(["table", "json", "jsonl", "csv"])
        .default("table"),
    )
    .option("--json", "the same as --format json")
    .option("-o, --output <file>", "write the answer there instead of printing it")
    .option("--files-from <file>", "classify the paths in this file too, one a line; - for standard input")
    .option("--workers <n>", "prediction threads; 0 for none", wholeNumber(0))
    .addHelpText(
      "after",
      "\nA picture that cannot be read gets an error in its row; the others are answered and the exit code is 1.",
    )
    .action(async (images: string[], options: PredictOptions) => {
      const { runPredict } = await import("./predict.ts");
      process.exitCode = await runPredict(images, options);
    });
}

function addInfo(program: Command): void {
  program
    .command("info")
    .description("show a model's configuration, parameters, arithmetic, labels and origin")
    .argument("<model>", `${MODEL}; or tiny, small, base, large, card (the reference card's layout)`)
    .option("--json", "print JSON")
    .action(async (model: string, options: { json?: boolean }) => {
      const { runInfo } = await import("./info.ts");
      process.exitCode = await runInfo(model, options);
    });
}

function addForward(program: Command): void {
  program
    .command("forward")
    .description("run a model on tensors and write named tensors, to compare implementations")
    .argument("<model>", MODEL)
    .argument("<input>", "safetensors file: pixel_values, optional labels, bool_masked_pos")
    .argument("<output>", "safetensors file to write")
    .option("--outputs <names>", 'all, or names separated by commas, e.g. "logits,hidden_states.*,grad.*"', names)
    .action(async (model: string, input: string, output: string, options: { outputs?: string[] }) => {
      const { runForward } = await import("./forward.ts");
      process.exitCode = await runForward(model, input, output, options);
    });
}

function addExport(program: Command): void {
  program
    .command("export")
    .description("write a classifier as ONNX: pixel_values [batch, 3, H, W] to logits")
    .argument("<model>", MODEL)
    .option("-o, --output <file>", "file to write (default: onnx/model.onnx in the model folder)")
    .action(async (model: string, options: { output?: string }) => {
      const { runExport } = await import("./export.ts");
      process.exitCode = await runExport(model, options);
    });
}
