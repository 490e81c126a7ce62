import { type BeitConfig, isPreset, windowOf } from "../beit/config.ts";
import { forwardMacs } from "../beit/flops.ts";
import type { Sample } from "../dataset/sample.ts";
import { absolutePath, baseName } from "../platform/folders.ts";
import { type Recipe, stagesOf } from "../train/recipe.ts";
import type { StageResults } from "../train/stages.ts";
import type { CardData, ModelCard } from "./card.ts";
import { markdownTable, markdownText } from "./markdown.ts";
import { countText, durationText, percentText, siText } from "./numbers.ts";
import type { RunSummary } from "./run.ts";

/**
 * The card of a finished run: what can be said of any. Folders appear by their last name only, so that a card which is
 * handed on tells nothing of the machine.
 */
export function runCard(summary: RunSummary): ModelCard {
  const { recipe, result, report, trainMetrics, evalMetrics, accounting, hasOnnx } = summary;
  const [name, dataset] = [folderName(summary.output), folderName(summary.dataset)];
  const origin = isPreset(recipe.model) ? undefined : folderName(recipe.model);
  return {
    name,
    title: `BEiT image classifier: ${classList(result.data.classes, "or")}`,
    description: description(summary),
    ...(origin === undefined ? {} : { origin }),
    onnx: hasOnnx,
    data: dataOf(summary),
    architecture: architectureRows(result.model.config, accounting.parameters),
    recipe: {
      command: `npx beit train ${quoted(dataset)} -o ${quoted(name)} -r recipe.json`,
      settings: settingRows(recipe),
    },
    evaluation: report,
    trainMetrics,
    evalMetrics,
    run: accounting,
    limits: limits(recipe),
    usage: {
      cli: `npx beit predict photo.jpg --model ${quoted(name)}`,
      typescript: [
        'import { pipeline } from "beit";\n',
        `const classify = await pipeline("image-classification", ${JSON.stringify(name)});`,
        'console.log(await classify("photo.jpg"));',
      ].join("\n"),
    },
  };
}

const folderName = (path: string) => baseName(absolutePath(path));

/** A name as one word of a shell. */
const quoted = (name: string) => (/^[\w.][\w.-]*$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

const NAMED_CLASSES = 6;

function classList(classes: readonly string[], word: "and" | "or"): string {
  if (classes.length > NAMED_CLASSES) return `${classes.length} classes`;
  return [classes.slice(0, -1).join(", "), classes.at(-1)!].filter(Boolean).join(` ${word} `);
}

function description({ recipe, stage, results, result: { model, data } }: RunSummary): string {
  const { imageSize, numLayers, hiddenSize } = model.config;
  const fresh = isPreset(recipe.model);
  const origin = fresh ? "trained from scratch" : `fine-tuned from ${markdownText(folderName(recipe.model))}`;
  const size = `${fresh ? `${recipe.model}: ` : ""}${numLayers} layers of width ${hiddenSize}`;
  const seen =
    stage.patchesPerCell === 4 ? "" : ` Each training step looked at ${stage.patchesPerCell} of every 4 patches.`;
  return `Tells apart ${markdownText(classList(data.classes, "and"))}. A BEiT (${size}; input ${imageSize.join(" x ")} px), ${origin} with beit, in TypeScript on a CPU.${stagesText(recipe, results)}${seen}`;
}

/** What the stages were, where there are several; the metrics of a card are the last one's. */
function stagesText(recipe: Recipe, results: StageResults): string {
  const stages = stagesOf(recipe, "recipe");
  if (stages.length === 1) return "";
  const texts = stages.map(({ imageSize, epochs }, i) => {
    const time = durationText(results[i]!.state.seconds);
    return `${imageSize} px, ${epochs} ${epochs === 1 ? "epoch" : "epochs"}, ${time}`;
  });
  return ` Trained in ${stages.length} stages (${texts.join("; ")}); training metrics are the last one's.`;
}

function dataOf({ dataset, recipe, result: { data } }: RunSummary): CardData {
  const { classes, samples, validation } = data;
  const count = (of: readonly Sample[], label: number) => countText(of.filter((s) => s.label === label).length);
  const rows = classes.map((name, k) => [name, count(samples, k), count(validation, k)]);
  const columns = ["trained on", "validated on"].map((title) => ({ title, align: "right" as const }));
  return {
    name: folderName(dataset),
    description: [markdownTable([{ title: "class" }, ...columns], rows), dataSentences(recipe).join(" ")].join("\n\n"),
    trainImages: samples.length,
    evalImages: validation.length,
    evalSplit: "validation",
  };
}

function dataSentences({ holdout, validationFraction, seed, extra, balance, occlusion }: Recipe): string[] {
  const fraction = percentText(validationFraction, 0);
  const list = (values: readonly string[]) => markdownText(values.join(", "));
  return [
    holdout
      ? `Kept out of training and validated on: pictures whose ${markdownText(holdout.key)} is ${list(holdout.values)}.`
      : `Validated on the data set's own validation split; where it has none, on ${fraction} of it, drawn by class with seed ${seed}.`,
    ...extra.map(({ split, label }) => `The split ${list([split])} joined the training pictures as ${list([label])}.`),
    ...(balance ? [`Pictures were drawn so that ${list(balance.by)} are more evenly mixed than in the data.`] : []),
    ...(occlusion ? ["Masks and other things were painted over faces in training, which may change their label."] : []),
  ];
}

function architectureRows(config: BeitConfig, parameters: number): [string, string][] {
  const { imageSize, patchSize, numLayers, numHeads, hiddenSize, intermediateSize } = config;
  return [
    ["family", "BEiT (Bao, Dong, Wei 2021)"],
    ["input", `${imageSize.join(" x ")} px, RGB`],
    ["patches", `${windowOf(config).join(" x ")} of ${patchSize} px`],
    ["layers", countText(numLayers)],
    ["width", `${countText(hiddenSize)}, ${countText(intermediateSize)} in the feed-forward part`],
    ["heads", countText(numHeads)],
    ["positions", positions(config)],
    ["pooling", config.useMeanPooling ? "mean of the patches" : "[CLS] token"],
    ["parameters", countText(parameters)],
    ["forward pass", `${siText(forwardMacs(config), "MAC")} an image`],
  ];
}

function positions(config: BeitConfig): string {
  const kinds = [
    ...(config.useSharedRelativePositionBias ? ["relative bias shared by the layers"] : []),
    ...(config.useRelativePositionBias ? ["relative bias in each layer"] : []),
    ...(config.useAbsolutePositions ? ["absolute embeddings"] : []),
  ];
  return kinds.join(", ") || "none";
}

const paths: readonly string[] = ["model", "occlusion", "tokenizer"];

/** Every setting of a recipe as text, in the order of its keys; of files and folders the last name. */
export function settingRows(recipe: object): [string, string][] {
  return Object.entries(recipe).map(([key, value]): [string, string] => {
    if (typeof value !== "string") return [key, JSON.stringify(value)];
    return [key, paths.includes(key) ? baseName(value) : value];
  });
}

function limits({ holdout, best, occlusion }: Recipe): string[] {
  const unseen = holdout
    ? `The scores above are on a ${markdownText(holdout.key)} kept out of training; on yet others they may be lower or higher.`
    : "On pictures from other sources (cameras, places, people, framing) than those trained on, scores may be lower than above.";
  return [
    "It knows the classes it was trained on and nothing else: every picture gets one of them, also one that shows none.",
    unseen,
    `Of the weights along the training, those with the best validation ${best.replaceAll("_", " ")} were kept: the scores above are a little optimistic for that.`,
    "Whatever the training pictures lack or favour, the model lacks or favours too; measure it on your own pictures first (`beit evaluate`).",
    ...(occlusion ? ["Some of what it learnt of masks it learnt from painted ones."] : []),
    "Not made for identifying people, nor for uses where a mistake endangers somebody.",
  ];
}
