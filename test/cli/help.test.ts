import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { beit } from "./run.ts";

const commandOf = (name: string) =>
  createProgram()
    .commands.find((command) => command.name() === name)!
    .configureHelp({ helpWidth: 100 });

const help = (name: string) => commandOf(name).helpInformation();

/** The screen with the text that comes after it. */
function helpWithNotes(name: string): string {
  let text = "";
  commandOf(name)
    .configureOutput({ writeOut: (part) => (text += part) })
    .outputHelp();
  return text;
}

describe("help screens", () => {
  it("lists the commands", () => {
    const listed = createProgram().commands.map((command) => `${command.name()}: ${command.description()}`);
    expect(listed.join("\n")).toMatchInlineSnapshot(`
      "train: fine-tune a classifier on a folder of images
      tokenizer: train an image tokenizer, whose codes pre-training predicts
      pretrain: pre-train an encoder on pictures without labels
      evaluate: measure a classifier on a labelled folder of images
      predict: classify pictures
      explain: show what a classifier looked at: a heat-map over the picture
      features: write features of pictures, of any layer, for search, clustering and classifiers of your own
      probe: measure what a frozen encoder knows, layer by layer: linear probe and nearest neighbours
      info: show a model's configuration, parameters, arithmetic, labels and origin
      forward: run a model on tensors and write named tensors, to compare implementations
      convert: write a model of any readable form as a Hugging Face folder
      average: write the mean of the weights of several models that began from the same ones
      export: write a classifier as ONNX: pixel_values [batch, 3, H, W] to logits
      calibrate: write a classifier whose scores are probabilities: a temperature fitted on a labelled folder
      quantize: write a classifier's int8 form and measure what it costs: onnx/model_quantized.onnx
      serve: answer over HTTP: classes and features of pictures
      page: write the page with a model as a static folder, for any web host"
    `);
  });

  it.each(["tokenizer", "pretrain"])("%s names its recipe, its examples and how to resume", (name) => {
    const text = helpWithNotes(name);
    expect(text).toContain("docs/pretraining.md");
    expect(text).toContain(`beit ${name} photos -o runs/`);
    expect(text).toContain("--resume");
  });

  it("train", () =>
    expect(helpWithNotes("train")).toMatchInlineSnapshot(`
      "Usage: beit train [options] <dataset>

      fine-tune a classifier on a folder of images

      Arguments:
        dataset                     folder: {train,validation}/CLASS/*, CLASS/*, or with a metadata file

      Options:
        -o, --output <folder>       where the run and the finished model go
        -r, --recipe <file>         JSON file of settings; options below win over it
        -m, --model <name|folder>   pretrained (default), a preset (tiny, small, base, large) from
                                    scratch, or a model
        --layer-decay <x>           factor on the learning rate per layer
        --train-layers <k>          train the head and the last k blocks only; 0: the head alone
        --label-fraction <x>        share of the training pictures to use, from 0 to 1
        --holdout-source <name...>  keep these sources out of training and validate on them
        --epochs <n>                passes over the training pictures, fractions too
        --batch-size <n>            images per step
        --image-size <px>           input height and width
        --learning-rate <x>         peak learning rate
        --seed <n>                  of all random choices
        --resume                    go on from the newest checkpoint in the output folder
        --workers <n>               training threads (default: measured for a long run)
        --threads <n>               threads inside each (default: likewise)
        --save-every <steps>        steps between checkpoints
        -h, --help                  display help for command

      A recipe file holds every setting there is, those above and many more (docs/recipes.md lists them); the
      recipe of a finished run lies in its folder as recipe.json. Ctrl-C saves; --resume goes on bit for bit.

      Examples:
        beit train photos -o runs/photos --image-size 112 --epochs 20
        beit train photos -o runs/more -m runs/photos --image-size 112 --epochs 2
      "
    `));
  it("convert", () =>
    expect(help("convert")).toMatchInlineSnapshot(`
    "Usage: beit convert [options] <model>

    write a model of any readable form as a Hugging Face folder

    Arguments:
      model                  model folder (Hugging Face), or a file of weights

    Options:
      -o, --output <folder>  model folder to write
      --dtype <dtype>        precision of the weights; as stored unless given (choices: "float32",
                             "float16", "bfloat16")
      --image-size <px>      for another input height and width: position tables are resized
      --force                write over a model that is there
      -h, --help             display help for command
    "
  `));
  it("predict", () =>
    expect(helpWithNotes("predict")).toMatchInlineSnapshot(`
      "Usage: beit predict [options] [images...]

      classify pictures

      Arguments:
        images                   files, folders, patterns such as "photos/**/*.jpg", - for a picture from
                                 standard input

      Options:
        -m, --model <folder>     model folder (Hugging Face), or a file of weights (default: the face-mask
                                 detector that comes with beit)
        -k, --top-k <n>          classes shown for each picture (default: 1; 5 in json and jsonl)
        -f, --format <format>    form of the answer (default: what the extension of --output tells, else
                                 table) (choices: "table", "json", "jsonl", "csv")
        --json                   the same as --format json
        -o, --output <file>      write the answer there instead of printing it, resumable
        --files-from <file>      classify the paths in this file too, one a line; - for standard input
        --precision <precision>  int8 where quantize made it and it answers alike, or one of the two
                                 (choices: "auto", "fp32", "int8", default: "auto")
        --shard <i/n>            answer only the i-th of n parts of the list, i from 1
        --workers <n>            prediction threads; 0 for none
        -h, --help               display help for command

      A picture that cannot be read gets an error in its row; the others are answered and the exit code is 1.

      The file of --output appears when every answer is there, in the place of an older one. Until then they are in
      FILE.partial: after Ctrl-C (exit code 130) or a crash the same command goes on from there. Shards are runs of
      neighbours: the answers of 1/n to n/n one after the other are those of the whole list.
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
        --split <name>               pictures to use (default: validation where there is one, else all);
                                     where there is none, validation is drawn as the model's run drew it
        --by <attributes>            report each value of these attributes on its own, e.g. "source,kind"
        --json                       print JSON
        -o, --output <file>          write the report there instead of printing it
        --html <file>                write a page with figures as well
        --min-balanced-accuracy <x>  exit with 3 when it is lower, from 0 to 1
        --precision <precision>      the weights themselves, or the int8 form that quantize made (choices:
                                     "auto", "fp32", "int8", default: "fp32")
        --workers <n>                prediction threads
        -h, --help                   display help for command
      "
    `));
  it("quantize", () =>
    expect(helpWithNotes("quantize")).toMatchInlineSnapshot(`
    "Usage: beit quantize [options] <model>

    write a classifier's int8 form and measure what it costs: onnx/model_quantized.onnx

    Arguments:
      model                   model folder (Hugging Face)

    Options:
      --calibrate <dataset>   labelled folder of images
      --split <name>          its pictures to use (default: validation, drawn where there is none)
      --pictures <n>          most pictures to choose by (default: 512)
      --activations <method>  how ranges are found: from the pictures, or anew for every batch (choices:
                              "percentile", "entropy", "dynamic", default: "percentile")
      --agreement <x>         share of answers that should stay the same, from 0 to 1 (default: 0.999)
      --json                  print JSON
      -h, --help              display help for command

    Half of the split or 512 of its pictures, whichever is less, choose ranges and what stays in float32; the report is
    measured on the others. It lies beside the model as onnx/quantization.json. predict uses int8 from 99.5 % agreement on.

    Example:
      beit quantize runs/photos --calibrate photos
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
  it("page", () =>
    expect(helpWithNotes("page")).toMatchInlineSnapshot(`
      "Usage: beit page [options]

      write the page with a model as a static folder, for any web host

      Options:
        -o, --output <folder>    where the page goes; an older page there is replaced
        -m, --model <model>      model folder (Hugging Face), or a file of weights; the shipped detector
                                 unless given
        --precision <precision>  auto: int8 where the model has that and it answers alike (choices:
                                 "auto", "fp32", "int8", default: "auto")
        -h, --help               display help for command

      The page classifies pictures in the browser: no picture is uploaded, and it works offline once loaded. Most hosts
      serve it as it is, over https (or as localhost), which cameras, offline use and threads need; those that send Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy:
      require-corp give it threads on the first visit, others from the second on.

      Examples:
        beit page -o site
        beit page -o site --model runs/photos
      "
    `));

  it("serve", () =>
    expect(helpWithNotes("serve")).toMatchInlineSnapshot(`
      "Usage: beit serve [options]

      answer over HTTP: classes and features of pictures

      Options:
        -m, --model <path...>      model folder (Hugging Face), or a file of weights, or NAME=PATH; the
                                   first one is used where none is named
        --host <address>           address to listen on; 0.0.0.0 for all (default: "127.0.0.1")
        --port <n>                 port to listen on; 0 for any (default: 8080)
        --token <text>             bearer token that requests must bring (env: BEIT_TOKEN)
        --cors-origin <origin...>  web pages that may ask, e.g. https://example.org (default: none)
        --precision <precision>    int8 where quantize made it and it answers alike, or one of the two
                                   (choices: "auto", "fp32", "int8", default: "auto")
        --workers <n>              threads of each model; 0 for none
        --max-batch <n>            pictures that go through a model at once (default: 8)
        --batch-window <ms>        how long a picture waits for others (default: 3)
        --max-queue <n>            pictures that may wait for a model (default: 128)
        --max-upload <mb>          megabytes of a request and of a picture (default: 64, 32)
        --max-files <n>            pictures of a request (default: 32)
        --max-megapixels <n>       width x height of a picture (default: 50)
        --model-memory <mb>        memory of all models; unused ones give way (default: half)
        --timeout <s>              how long a request may take (default: 30)
        -h, --help                 display help for command

      POST /v1/classify and /v1/features take a picture as it is, several as files of a form, or base64 in JSON;
      /docs lists everything. Ctrl-C and SIGTERM end it once all it accepted is answered.

      Examples:
        beit serve
        beit serve --model runs/photos --model masks=models/face-mask --port 9000
        curl -H "Content-Type: image/jpeg" --data-binary @photo.jpg http://127.0.0.1:8080/v1/classify
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
    ["epochs below zero", ["train", "d", "-o", "o", "--epochs", "-1"]],
    ["workers that are no number", ["train", "d", "-o", "o", "--workers", "abc"]],
    ["more workers than memory", ["predict", "x.jpg", "--workers", "100000"]],
    ["a quantisation by nothing", ["quantize", "m"]],
    ["a precision of another kind", ["predict", "x.jpg", "--precision", "int4"]],
    ["half a batch", ["train", "d", "-o", "o", "--batch-size", "1.5"]],
    ["a learning rate of nothing", ["train", "d", "-o", "o", "--learning-rate", ""]],
    ["a layer decay above one", ["train", "d", "-o", "o", "--layer-decay", "1.1"]],
    ["an endless run", ["train", "d", "-o", "o", "--epochs", "Infinity"]],
    ["no seed", ["train", "d", "-o", "o", "--seed", "-7"]],
    ["a precision that does not exist", ["convert", "m", "-o", "o", "--dtype", "float8"]],
    ["a conversion to nowhere", ["convert", "m"]],
    ["nothing to predict", ["predict"]],
    ["a port that does not exist", ["serve", "--port", "70000"]],
    ["a token that no header carries", ["serve", "--token", "two words"]],
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
