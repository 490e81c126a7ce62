import { Command, CommanderError } from "commander";

/** Commands load what they need when they run: `beit --help` imports nothing else. */
export function createProgram(): Command {
  const program = new Command("beit")
    .description("Image transformers for TypeScript: train, evaluate and run BEiT on ordinary CPUs.")
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
  return program;
}
