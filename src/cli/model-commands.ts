import { type Command, Option } from "commander";
import { numbersByName, share, threadCount, wholeNumber } from "./arguments.ts";
import type { CalibrateCommandOptions } from "./calibrate.ts";
import type { ConvertOptions } from "./convert.ts";
import type { QuantizeCommandOptions } from "./quantize.ts";
import type { Finished } from "./train-commands.ts";
import type { WriteOptions } from "./write-model.ts";

// The commands that make a model, or another form of one, out of models.

/** What a command says of its model. */
export const MODEL = "model folder (Hugging Face), or a file of weights";

const dtypeOption = () =>
  new Option("--dtype <dtype>", "precision of the weights; as stored unless given").choices([
    "float32",
    "float16",
    "bfloat16",
  ]);

/** `beit convert` */
export function addConvert(program: Command, finished: Finished): void {
  program
    .command("convert")
    .description("write a model of any readable form as a Hugging Face folder")
    .argument("<model>", MODEL)
    .requiredOption("-o, --output <folder>", "model folder to write")
    .addOption(dtypeOption())
    .option("--image-size <px>", "for another input height and width: position tables are resized", wholeNumber(1))
    .option("--force", "write over a model that is there")
    .action(async (model: string, options: ConvertOptions) => {
      const { runConvert } = await import("./convert.ts");
      finished(await runConvert(model, options));
    });
}

const AVERAGE_NOTES = `
For runs of one recipe from the same pre-trained weights with different --seed: their mean is often better on pictures
unlike the training pictures than any of them (Wortsman et al. 2022), and costs no more to run.

Example:
  beit average runs/a runs/b runs/c -o runs/mean`;

/** `beit average` */
export function addAverage(program: Command, finished: Finished): void {
  program
    .command("average")
    .description("write the mean of the weights of several models that began from the same ones")
    .argument("<model>", MODEL)
    .argument("<models...>", "others of the same architecture, labels and preprocessing")
    .requiredOption("-o, --output <folder>", "model folder to write")
    .addOption(dtypeOption())
    .option("--force", "write over a model that is there")
    .addHelpText("after", AVERAGE_NOTES)
    .action(async (model: string, others: string[], options: WriteOptions) => {
      const { runAverage } = await import("./average.ts");
      finished(await runAverage([model, ...others], options));
    });
}

/** `beit export` */
export function addExport(program: Command, finished: Finished): void {
  program
    .command("export")
    .description("write a classifier as ONNX: pixel_values [batch, 3, H, W] to logits")
    .argument("<model>", MODEL)
    .option("-o, --output <file>", "file to write (default: onnx/model.onnx in the model folder)")
    .action(async (model: string, options: { output?: string }) => {
      const { runExport } = await import("./export.ts");
      finished(await runExport(model, options));
    });
}

const CALIBRATE_NOTES = `
A temperature, fitted on half of the split's pictures, goes into the last layer: answers stay as they are, scores come to
mean what they say. --shift changes answers: s for a class multiplies its odds by e^s, for a class that is more frequent,
or more easily missed, where the model will be used. Both forms are measured on the other half. An int8 form is to be
made anew afterwards, by beit quantize.

Example:
  beit calibrate runs/photos photos -o models/photos`;

/** `beit calibrate` */
export function addCalibrate(program: Command, finished: Finished): void {
  program
    .command("calibrate")
    .description("write a classifier whose scores are probabilities: a temperature fitted on a labelled folder")
    .argument("<model>", MODEL)
    .argument("<dataset>", "labelled folder of images, as for evaluate")
    .requiredOption("-o, --output <folder>", "model folder to write")
    .option("--split <name>", "its pictures to use (default: validation, drawn where there is none)")
    .option("--shift <label=s>", 'added to logits of classes, e.g. "cat=0.5,dog=-0.2"', numbersByName)
    .addOption(dtypeOption())
    .option("--force", "write over a model that is there")
    .option("--json", "print JSON")
    .option("--workers <n>", "prediction threads", threadCount(1))
    .addHelpText("after", CALIBRATE_NOTES)
    .action(async (model: string, dataset: string, options: CalibrateCommandOptions) => {
      const { runCalibrate } = await import("./calibrate.ts");
      finished(await runCalibrate(model, dataset, options));
    });
}

const QUANTIZE_NOTES = `
Half of the split or 512 of its pictures, whichever is less, choose ranges and what stays in float32; the report is
measured on the others. It lies beside the model as onnx/quantization.json. predict uses int8 from 99.5 % agreement on.

Example:
  beit quantize runs/photos --calibrate photos`;

/** `beit quantize` */
export function addQuantize(program: Command, finished: Finished): void {
  program
    .command("quantize")
    .description("write a classifier's int8 form and measure what it costs: onnx/model_quantized.onnx")
    .argument("<model>", "model folder (Hugging Face)")
    .requiredOption("--calibrate <dataset>", "labelled folder of images")
    .option("--split <name>", "its pictures to use (default: validation, drawn where there is none)")
    .option("--pictures <n>", "most pictures to choose by (default: 512)", wholeNumber(1))
    .addOption(
      new Option("--activations <method>", "how ranges are found: from the pictures, or anew for every batch")
        .choices(["percentile", "entropy", "dynamic"])
        .default("percentile"),
    )
    .option("--agreement <x>", "share of answers that should stay the same, from 0 to 1 (default: 0.999)", share)
    .option("--json", "print JSON")
    .addHelpText("after", QUANTIZE_NOTES)
    .action(async (model: string, options: QuantizeCommandOptions) => {
      const { runQuantize } = await import("./quantize.ts");
      finished(await runQuantize(model, options));
    });
}
