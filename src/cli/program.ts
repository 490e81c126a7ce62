import { Command, Option } from "commander";
import type { Precision } from "../evaluate/quantized.ts";
import { packageVersion } from "../platform/package.ts";
import {
  layerNumbers,
  names,
  poolings,
  portNumber,
  positiveNumber,
  share,
  threadCount,
  wholeNumber,
} from "./arguments.ts";
import type { EvaluateCommandOptions } from "./evaluate.ts";
import type { ExplainOptions } from "./explain.ts";
import type { FeaturesOptions } from "./features.ts";
import { addAverage, addCalibrate, addConvert, addExport, addQuantize, MODEL } from "./model-commands.ts";
import type { PageOptions } from "./page.ts";
import type { PredictOptions } from "./predict.ts";
import type { ProbeCommandOptions } from "./probe.ts";
import type { ServeOptions } from "./serve.ts";
import { shard } from "./shard.ts";
import { addPretrain, addTokenizer, addTrain, type Finished } from "./train-commands.ts";

/**
 * The command line. Commands load what they need when they run: `beit --help` imports nothing else.
 * @throws CommanderError from parsing, for misuse and after help; its words are printed already
 */
export function createProgram(finished: Finished = () => undefined): Command {
  const program = new Command("beit")
    .description("Image transformers for TypeScript: train, evaluate and run BEiT on ordinary CPUs.")
    .version(packageVersion())
    .showHelpAfterError("(add --help for usage)")
    .exitOverride();
  const commands = [
    addTrain,
    addTokenizer,
    addPretrain,
    addEvaluate,
    addPredict,
    addExplain,
    addFeatures,
    addProbe,
    addInfo,
    addForward,
    addConvert,
    addAverage,
    addExport,
    addCalibrate,
    addQuantize,
    addServe,
    addPage,
  ];
  for (const add of commands) add(program, finished);
  return program;
}

const precisionOption = (usual: Precision, notes: string) =>
  new Option("--precision <precision>", notes).choices(["auto", "fp32", "int8"]).default(usual);

function addEvaluate(program: Command, finished: Finished): void {
  program
    .command("evaluate")
    .description("measure a classifier on a labelled folder of images")
    .argument("<model>", MODEL)
    .argument("<dataset>", "folder: {train,validation,test}/CLASS/*, CLASS/*, or with a metadata file")
    .option(
      "--split <name>",
      "pictures to use (default: validation where there is one, else all); where there is none, validation is drawn as the model's run drew it",
    )
    .option("--by <attributes>", 'report each value of these attributes on its own, e.g. "source,kind"', names)
    .option("--json", "print JSON")
    .option("-o, --output <file>", "write the report there instead of printing it")
    .option("--html <file>", "write a page with figures as well")
    .option("--min-balanced-accuracy <x>", "exit with 3 when it is lower, from 0 to 1", share)
    .addOption(precisionOption("fp32", "the weights themselves, or the int8 form that quantize made"))
    .option("--workers <n>", "prediction threads", threadCount(1))
    .action(async (model: string, dataset: string, options: EvaluateCommandOptions) => {
      const { runEvaluate } = await import("./evaluate.ts");
      finished(await runEvaluate(model, dataset, options));
    });
}

const PREDICT_NOTES = `
A picture that cannot be read gets an error in its row; the others are answered and the exit code is 1.

The file of --output appears when every answer is there, in the place of an older one. Until then they are in
FILE.partial: after Ctrl-C (exit code 130) or a crash the same command goes on from there. Shards are runs of
neighbours: the answers of 1/n to n/n one after the other are those of the whole list.`;

function addPredict(program: Command, finished: Finished): void {
  program
    .command("predict")
    .description("classify pictures")
    .argument("[images...]", 'files, folders, patterns such as "photos/**/*.jpg", - for a picture from standard input')
    .option("-m, --model <folder>", `${MODEL} (default: the face-mask detector that comes with beit)`)
    .option("-k, --top-k <n>", "classes shown for each picture (default: 1; 5 in json and jsonl)", wholeNumber(1))
    .addOption(
      new Option(
        "-f, --format <format>",
        "form of the answer (default: what the extension of --output tells, else table)",
      ).choices(["table", "json", "jsonl", "csv"]),
    )
    .option("--json", "the same as --format json")
    .option("-o, --output <file>", "write the answer there instead of printing it, resumable")
    .option("--files-from <file>", "classify the paths in this file too, one a line; - for standard input")
    .addOption(precisionOption("auto", "int8 where quantize made it and it answers alike, or one of the two"))
    .option("--shard <i/n>", "answer only the i-th of n parts of the list, i from 1", shard)
    .option("--workers <n>", "prediction threads; 0 for none", threadCount(0))
    .addHelpText("after", PREDICT_NOTES)
    .action(async (images: string[], options: PredictOptions) => {
      const { runPredict } = await import("./predict.ts");
      finished(await runPredict(images, options));
    });
}

function addExplain(program: Command, finished: Finished): void {
  program
    .command("explain")
    .description("show what a classifier looked at: a heat-map over the picture")
    .argument("<images...>", "files, folders, patterns, - for a picture from standard input")
    .option("-o, --output <file>", "PNG to write; a folder for several pictures")
    .option("-m, --model <folder>", `${MODEL} (default: the face-mask detector that comes with beit)`)
    .option("-l, --label <name>", "the class to explain (default: the one the model answers with)")
    .addOption(
      new Option("--method <method>", "attention weighted by the class's gradient, or attention alone")
        .choices(["gradient", "rollout"])
        .default("gradient"),
    )
    .option("--json", "print one line of JSON for each picture, with the map")
    .action(async (images: string[], options: ExplainOptions) => {
      const { runExplain } = await import("./explain.ts");
      finished(await runExplain(images, options));
    });
}

const FEATURES_NOTES = `
Without --layer: the last hidden state, with the model's final LayerNorm where it has one: before pooling in a
model of [CLS] pooling, behind the mean in one of mean pooling, so that the mean (or [CLS]) is Hugging Face's
pooler_output; of a pre-training model: the encoder's output as it is. With --layer K: Hugging Face's hidden_states[K], the output of block K as it is; 0 is the embeddings.

  .parquet       columns file, features (a list of float32; of lists for tokens)
  .jsonl         a line {"file": ..., "features": [...]} for each picture
  .npy           float32 [pictures, D], tokens [pictures, N, D]; the names lie in FILE.npy.json
  .safetensors   the same as a tensor "features"; the names lie in FILE.safetensors.json

A picture that cannot be read is left out and named; the exit code is then 1. The file appears when all is in it.

Examples:
  beit features models/face-mask photos -o photos.parquet
  beit features runs/pretrained "photos/**/*.jpg" --pool tokens --layer 8 -o tokens.npy`;

function addFeatures(program: Command, finished: Finished): void {
  program
    .command("features")
    .description("write features of pictures, of any layer, for search, clustering and classifiers of your own")
    .argument("<model>", MODEL)
    .argument("[images...]", "files, folders, patterns, - for a picture from standard input")
    .requiredOption("-o, --output <file>", "file to write: .parquet, .npy, .safetensors or .jsonl")
    .addOption(
      new Option("--pool <kind>", "[CLS], the mean of the patches, both side by side, or all tokens")
        .choices(["cls", "mean", "concat", "tokens"])
        .default("mean"),
    )
    .option(
      "--layer <k>",
      "block whose output is taken, from 0, the embeddings (default: the last, see below)",
      wholeNumber(0),
    )
    .option("--files-from <file>", "take the paths in this file too, one a line; - for standard input")
    .option("--workers <n>", "threads; 0 for none", threadCount(0))
    .addHelpText("after", FEATURES_NOTES)
    .action(async (model: string, images: string[], options: FeaturesOptions) => {
      const { runFeatures } = await import("./features.ts");
      finished(await runFeatures(model, images, options));
    });
}

const PROBE_NOTES = `
Features are those of features --layer K: the outputs of blocks as they are. adamw is the original's run_linear_eval
(100 epochs, rate 1e-3 for batches of 256, falling as a cosine) on features read once: no crops and flips.

Example:
  beit probe models/face-mask photos --layers all --knn 20 --svg layers.svg`;

function addProbe(program: Command, finished: Finished): void {
  program
    .command("probe")
    .description("measure what a frozen encoder knows, layer by layer: linear probe and nearest neighbours")
    .argument("<model>", MODEL)
    .argument("<dataset>", "labelled folder of images, as for train")
    .option("--layers <numbers>", 'all, or numbers from 1 separated by commas, e.g. "6,9,12"', layerNumbers, "all")
    .option("--pool <kinds>", "cls, mean (of the patches), concat (both), separated by commas", poolings, [
      "cls",
      "mean",
      "concat",
    ])
    .addOption(
      new Option(
        "--solver <name>",
        "the linear layer in closed form, or trained by the recipe of the BEiT paper's code",
      )
        .choices(["ridge", "adamw"])
        .default("ridge"),
    )
    .option("--knn <k>", "nearest neighbours that vote", wholeNumber(1), 20)
    .option("--seed <n>", "of the drawn split, of cross-validation and of adamw's order", wholeNumber(0), 42)
    .option("--json", "print JSON")
    .option("-o, --output <file>", "write the report there instead of printing it")
    .option("--svg <file>", "write a plot over the layers as well")
    .option("--workers <n>", "threads", threadCount(1))
    .addHelpText("after", PROBE_NOTES)
    .action(async (model: string, dataset: string, options: ProbeCommandOptions) => {
      const { runProbe } = await import("./probe.ts");
      finished(await runProbe(model, dataset, options));
    });
}

function addInfo(program: Command, finished: Finished): void {
  program
    .command("info")
    .description("show a model's configuration, parameters, arithmetic, labels and origin")
    .argument("<model>", `${MODEL}; or tiny, small, base, large, card (the reference card's layout)`)
    .option("--json", "print JSON")
    .action(async (model: string, options: { json?: boolean }) => {
      const { runInfo } = await import("./info.ts");
      finished(await runInfo(model, options));
    });
}

function addForward(program: Command, finished: Finished): void {
  program
    .command("forward")
    .description("run a model on tensors and write named tensors, to compare implementations")
    .argument("<model>", MODEL)
    .argument("<input>", "safetensors file: pixel_values, optional labels, bool_masked_pos")
    .argument("<output>", "safetensors file to write")
    .option("--outputs <names>", 'all, or names separated by commas, e.g. "logits,hidden_states.*,grad.*"', names)
    .action(async (model: string, input: string, output: string, options: { outputs?: string[] }) => {
      const { runForward } = await import("./forward.ts");
      finished(await runForward(model, input, output, options));
    });
}

const SERVE_NOTES = `
POST /v1/classify and /v1/features take a picture as it is, several as files of a form, or base64 in JSON;
/docs lists everything. Ctrl-C and SIGTERM end it once all it accepted is answered.

Examples:
  beit serve
  beit serve --model runs/photos --model masks=models/face-mask --port 9000
  curl -H "Content-Type: image/jpeg" --data-binary @photo.jpg http://127.0.0.1:8080/v1/classify`;

function addServe(program: Command, finished: Finished): void {
  program
    .command("serve")
    .description("answer over HTTP: classes and features of pictures")
    .option("-m, --model <path...>", `${MODEL}, or NAME=PATH; the first one is used where none is named`)
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .option("--port <n>", "port to listen on; 0 for any", portNumber, 8080)
    .addOption(new Option("--token <text>", "bearer token that requests must bring").env("BEIT_TOKEN"))
    .option("--cors-origin <origin...>", "web pages that may ask, e.g. https://example.org (default: none)")
    .addOption(precisionOption("auto", "int8 where quantize made it and it answers alike, or one of the two"))
    .option("--workers <n>", "threads of each model; 0 for none", threadCount(0))
    .option("--max-batch <n>", "pictures that go through a model at once (default: 8)", wholeNumber(1))
    .option("--batch-window <ms>", "how long a picture waits for others (default: 3)", wholeNumber(0))
    .option("--max-queue <n>", "pictures that may wait for a model (default: 128)", wholeNumber(1))
    .option("--max-upload <mb>", "megabytes of a request and of a picture (default: 64, 32)", positiveNumber())
    .option("--max-files <n>", "pictures of a request (default: 32)", wholeNumber(1))
    .option("--max-megapixels <n>", "width x height of a picture (default: 50)", positiveNumber())
    .option("--model-memory <mb>", "memory of all models; unused ones give way (default: half)", positiveNumber())
    .option("--timeout <s>", "how long a request may take (default: 30)", positiveNumber())
    .addHelpText("after", SERVE_NOTES)
    .action(async (options: ServeOptions) => {
      const { runServe } = await import("./serve.ts");
      finished(await runServe(options));
    });
}

const PAGE_NOTES = `
The page classifies pictures in the browser: no picture is uploaded, and it works offline once loaded. Most hosts
serve it as it is, over https (or as localhost), which cameras, offline use and threads need; those that send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy:
require-corp give it threads on the first visit, others from the second on.

Examples:
  beit page -o site
  beit page -o site --model runs/photos`;

function addPage(program: Command, finished: Finished): void {
  program
    .command("page")
    .description("write the page with a model as a static folder, for any web host")
    .requiredOption("-o, --output <folder>", "where the page goes; an older page there is replaced")
    .option("-m, --model <model>", `${MODEL}; the shipped detector unless given`)
    .addOption(precisionOption("auto", "auto: int8 where the model has that and it answers alike"))
    .addHelpText("after", PAGE_NOTES)
    .action(async (options: PageOptions) => {
      const { runPage } = await import("./page.ts");
      finished(await runPage(options));
    });
}
