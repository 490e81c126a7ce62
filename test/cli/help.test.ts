import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { beit } from "./run.ts";

const help = (name: string) =>
  createProgram()
    .commands.find((command) => command.name() === name)!
    .configureHelp({ helpWidth: 100 })
    .helpInformation();

describe("help screens", () => {
  it("lists the commands", () => {
    const listed = createProgram().commands.map((command) => `${command.name()}: ${command.description()}`);
    expect(listed.join("\n")).toMatchInlineSnapshot(`
      "train: fine-tune a classifier on a folder of images
      evaluate: measure a classifier on a labelled folder of images
      predict: classify pictures
      info: show a model's configuration, parameters, arithmetic, labels and origin
      forward: run a model on tensors and write named tensors, to compare implementations
      export: write a classifier as ONNX: pixel_values [batch, 3, H, W] to logits"
    `);
  });

  it("predict", () =>
    expect(help("predict")).toMatchInlineSnapshot(`
    "Usage: beit predict [options] [images...]

    classify pictures

    Arguments:
      images                 files, folders, patterns such as "photos/**/*.jpg", - for a picture from
                             standard input

    Options:
      -m, --model <folder>   model folder (Hugging Face), or a file of weights (default: the face-mask
                             detector that comes with beit)
      -k, --top-k <n>        classes shown for each picture (default: 1; 5 in json and jsonl)
      -f, --format <format>  form of the answer (choices: "table", "json", "jsonl", "csv", default:
                             "table")
      --json                 the same as --format json
      -o, --output <file>    write the answer there instead of printing it
      --files-from <file>    classify the paths in this file too, one a line; - for standard input
      --workers <n>          prediction threads; 0 for none
      -h, --help             display help for command
    "
  `));
  it("evaluate", () =>
    expect(help("evaluate")).toMatchInlineSnapshot(`
    "Usage: beit evaluate [options] <model> <dataset>

    measure a classifier on a labelled folder of images

    Arguments:
      model                        model folder (Hugging Face), or a file of weights
      dataset                      folder: {train,validation,test}/CLASS/*, CLASS/*, or with a metadata
                                   file

    Options:
      --split <name>               pictures to use (default: validation where there is one, else all)
      --by <attributes>            report each value of these attributes on its own, e.g. "source,kind"
      --json                       print JSON
      -o, --output <file>          write the report there instead of printing it
      --html <file>                write a page with figures as well
      --min-balanced-accuracy <x>  exit with 3 when it is lower, from 0 to 1
      --workers <n>                prediction threads
      -h, --help                   display help for command
    "
  `));
  it("info", () =>
    expect(help("info")).toMatchInlineSnapshot(`
    "Usage: beit info [options] <model>

    show a model's configuration, parameters, arithmetic, labels and origin

    Arguments:
      model       model folder (Hugging Face), or a file of weights; or tiny, small, base, large, card
                  (the reference card's layout)

    Options:
      --json      print JSON
      -h, --help  display help for command
    "
  `));
  it("forward", () =>
    expect(help("forward")).toMatchInlineSnapshot(`
    "Usage: beit forward [options] <model> <input> <output>

    run a model on tensors and write named tensors, to compare implementations

    Arguments:
      model              model folder (Hugging Face), or a file of weights
      input              safetensors file: pixel_values, optional labels, bool_masked_pos
      output             safetensors file to write

    Options:
      --outputs <names>  all, or names separated by commas, e.g. "logits,hidden_states.*,grad.*"
      -h, --help         display help for command
    "
  `));
  it("export", () =>
    expect(help("export")).toMatchInlineSnapshot(`
    "Usage: beit export [options] <model>

    write a classifier as ONNX: pixel_values [batch, 3, H, W] to logits

    Arguments:
      model                model folder (Hugging Face), or a file of weights

    Options:
      -o, --output <file>  file to write (default: onnx/model.onnx in the model folder)
      -h, --help           display help for command
    "
  `));
});

describe("misuse ends with exit code 2 and no data", () => {
  it.each([
    ["an unknown command", ["guess"]],
    ["an unknown option", ["predict", "--colour"]],
    ["a missing argument", ["evaluate", "model"]],
    ["a format that does not exist", ["predict", "x.jpg", "--format", "xml"]],
    ["no classes at all", ["predict", "x.jpg", "--top-k", "0"]],
    ["an impossible threshold", ["evaluate", "m", "d", "--min-balanced-accuracy", "97"]],
    ["nothing to predict", ["predict"]],
    ["standard input twice", ["predict", "-", "--files-from", "-"]],
  ])("%s", async (_, args) => {
    const { code, stdout, stderr } = await beit(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(stderr).not.toBe("");
  });

  it("help and version are data", async () => {
    const shown = await beit(["--help"]);
    expect(shown).toMatchObject({ code: 0, stderr: "" });
    expect(shown.stdout).toContain("Usage: beit");
    expect((await beit(["--version"])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
