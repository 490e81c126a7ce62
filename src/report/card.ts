import { ACCOUNTING_TITLES, accountingRows, type TrainingRun } from "./accounting.ts";
import {
  CLASS_COLUMNS,
  calibrationSentences,
  classRows,
  type EvaluationReport,
  intervalText,
  MATRIX_CLASSES,
  subsetColumns,
  subsetRows,
} from "./evaluation.ts";
import { markdownCode, markdownTable, markdownText } from "./markdown.ts";
import { countText, decimalText } from "./numbers.ts";
import type { Column } from "./table.ts";
import { metricLines, type TrainerMetrics } from "./trainer.ts";
import { type YamlValue, yaml } from "./yaml.ts";

/** Everything a model card says. Free text is Markdown; names, labels and figures are escaped. */
export interface ModelCard {
  /** What `from_pretrained` is given: "someone/beit-face-mask", or a folder's name, without a slash. */
  readonly name: string;
  readonly title: string;
  /** What it is and what it is for, one or two paragraphs. */
  readonly description: string;
  /** SPDX identifier in lower case, as the Hub wants it: "apache-2.0"; absent when that is not decided. */
  readonly license?: string;
  /** Hub name of the checkpoint training started from. */
  readonly baseModel?: string;
  /** The same where it has no Hub name. Without both: trained from scratch. */
  readonly origin?: string;
  /** Whether `onnx/model.onnx` comes with the model; default true. */
  readonly onnx?: boolean;
  readonly tags?: readonly string[];
  readonly data: CardData;
  readonly architecture: readonly (readonly [name: string, value: string])[];
  readonly recipe: {
    /** The command that repeats the training. */
    readonly command: string;
    readonly settings: readonly (readonly [name: string, value: string])[];
  };
  /** Metrics in index order of the labels. */
  readonly evaluation: EvaluationReport;
  /** Trainer-style metrics blocks. */
  readonly trainMetrics?: TrainerMetrics;
  readonly evalMetrics?: TrainerMetrics;
  /** Shown beside Trainer's figures when given. */
  readonly run?: TrainingRun;
  /** Known limits and biases, one sentence or two each. */
  readonly limits: readonly string[];
  readonly usage: {
    /** Shell command that classifies a picture. */
    readonly cli: string;
    /** TypeScript that does. */
    readonly typescript: string;
  };
}

/** The data of a card. */
export interface CardData {
  /** "Face masks, 17,200 pictures". */
  readonly name: string;
  /** Hub id, when the data is there. */
  readonly id?: string;
  readonly description: string;
  readonly trainImages: number;
  readonly evalImages: number;
  /** Name of the evaluated split. */
  readonly evalSplit: string;
}

/** `README.md` of a model folder: YAML front matter the Hub reads, then the card. */
export function modelCard(card: ModelCard): string {
  const sections = [
    `# ${markdownText(card.title)}\n\n${card.description.trim()}`,
    section(
      "Labels",
      markdownTable(
        LABEL_COLUMNS,
        card.evaluation.metrics.labels.map((label, k) => [String(k), label]),
      ),
    ),
    section("How to use", usage(card)),
    section("Results", results(card)),
    section("Limits and bias", card.limits.map((limit) => `- ${limit}`).join("\n")),
    section("Data", data(card)),
    section("Model", markdownTable(FACT_COLUMNS, card.architecture)),
    section("Training", training(card)),
    card.trainMetrics && section("Training Metrics", markdownCode("text", metricLines(card.trainMetrics))),
    card.evalMetrics && section("Evaluation Metrics", markdownCode("text", metricLines(card.evalMetrics))),
    card.run && section("What these figures mean", accounting(card.run)),
  ];
  return `---\n${yaml(frontMatter(card))}---\n\n${sections.filter(Boolean).join("\n\n")}\n`;
}

/** The metadata the Hub indexes. @see https://huggingface.co/docs/hub/model-cards */
export function frontMatter(card: ModelCard): Record<string, YamlValue | undefined> {
  const { data, evaluation, onnx = true } = card;
  const formats = onnx ? ["transformers.js", "onnx"] : [];
  return {
    ...(card.license !== undefined && { license: card.license }),
    library_name: "transformers",
    pipeline_tag: "image-classification",
    tags: [...new Set(["image-classification", "vision", "beit", ...formats, ...(card.tags ?? [])])],
    ...(card.baseModel !== undefined && { base_model: card.baseModel }),
    ...(data.id !== undefined && { datasets: [data.id] }),
    metrics: ["accuracy"],
    "model-index": [
      {
        name: card.name.split("/").at(-1)!,
        results: [
          {
            task: { type: "image-classification", name: "Image Classification" },
            dataset: { name: data.name, type: data.id ?? "imagefolder", split: data.evalSplit },
            metrics: modelIndexMetrics(evaluation),
          },
        ],
      },
    ],
  };
}

function modelIndexMetrics({ metrics }: EvaluationReport): YamlValue[] {
  return [
    { type: "accuracy", name: "Accuracy", value: metrics.accuracy },
    { type: "balanced_accuracy", name: "Balanced accuracy", value: metrics.balanced_accuracy },
    { type: "loss", name: "Loss", value: metrics.loss },
  ];
}

const LABEL_COLUMNS: readonly Column[] = [{ title: "index", align: "right" }, { title: "label" }];
const FACT_COLUMNS: readonly Column[] = [{ title: "" }, { title: "" }];
const FIGURE_COLUMNS: readonly Column[] = [{ title: "" }, { title: "value", align: "right" }];

const section = (title: string, body: string) => `## ${title}\n\n${body}`;
const paragraphs = (...parts: readonly (string | undefined | false)[]) => parts.filter(Boolean).join("\n\n");

function usage({ name, onnx = true, usage: { cli, typescript } }: ModelCard): string {
  const quoted = JSON.stringify(name);
  const python = `from transformers import pipeline\n\nclassify = pipeline("image-classification", model=${quoted})\nprint(classify("photo.jpg"))`;
  const first = onnx ? "" : `, once \`npx beit export ${name}\` has written its ONNX file`;
  return paragraphs(
    `On the command line:\n\n${markdownCode("sh", cli)}`,
    `In TypeScript:\n\n${markdownCode("ts", typescript)}`,
    `In Python with transformers:\n\n${markdownCode("python", python)}`,
    `In JavaScript with transformers.js${first} (its image resize differs slightly from Python's, and so do its scores):\n\n${markdownCode("js", javascript(name))}`,
  );
}

/** transformers.js looks for folders below `env.localModelPath` (its documentation, "env"). */
function javascript(name: string): string {
  const isFolder = !name.includes("/");
  const place = `env.localModelPath = "./"; // where the folder ${name} lies\n`;
  return [
    `import { ${isFolder ? "env, " : ""}pipeline } from "@huggingface/transformers";\n\n`,
    isFolder ? place : "",
    `const classify = await pipeline("image-classification", ${JSON.stringify(name)}, { dtype: "fp32" });\n`,
    'console.log(await classify("photo.jpg"));',
  ].join("");
}

function results({ evaluation, data }: ModelCard): string {
  const { metrics, intervals, by = {} } = evaluation;
  const figures = [
    ["accuracy", decimalText(metrics.accuracy) + intervalText(intervals?.accuracy)],
    ["balanced accuracy", decimalText(metrics.balanced_accuracy) + intervalText(intervals?.balanced_accuracy)],
    ...(metrics.top_5_accuracy === undefined ? [] : [["top-5 accuracy", decimalText(metrics.top_5_accuracy)]]),
    ["loss", decimalText(metrics.loss)],
    ...(metrics.auroc === undefined ? [] : [["area under ROC", decimalText(metrics.auroc)]]),
    ["expected calibration error", decimalText(metrics.expected_calibration_error)],
  ];
  const note = intervals ? ` In brackets: ${Math.round(100 * intervals.level)} % bootstrap intervals.` : "";
  return paragraphs(
    `On ${countText(metrics.samples)} images of ${markdownText(data.name)}, split ${markdownText(data.evalSplit)}.${note}`,
    markdownTable(FIGURE_COLUMNS, figures),
    markdownTable(CLASS_COLUMNS, classRows(metrics)),
    metrics.labels.length <= MATRIX_CLASSES && `Rows are true classes, columns predictions:\n\n${matrix(evaluation)}`,
    ...Object.entries(by).map(([attribute, rows]) =>
      markdownTable(subsetColumns(`by ${attribute}`, metrics.labels), subsetRows(rows, metrics.labels)),
    ),
    calibrationSentences(evaluation).join(" "),
  );
}

function matrix({ metrics: { labels, confusion_matrix } }: EvaluationReport): string {
  const columns = [{ title: "" }, ...labels.map((title) => ({ title, align: "right" as const }))];
  return markdownTable(
    columns,
    confusion_matrix.map((row, k) => [labels[k]!, ...row.map(countText)]),
  );
}

function data({ data }: ModelCard): string {
  const counts = `Trained on ${countText(data.trainImages)} images, evaluated on ${countText(data.evalImages)} others.`;
  return paragraphs(data.description.trim(), counts);
}

function training({ recipe, baseModel, origin = baseModel }: ModelCard): string {
  return paragraphs(
    `${origin === undefined ? "Trained from scratch" : `Fine-tuned from \`${origin}\``} with:`,
    markdownCode("sh", recipe.command),
    markdownTable(FACT_COLUMNS, recipe.settings),
  );
}

function accounting(run: TrainingRun): string {
  const columns = ACCOUNTING_TITLES.map((title, c) => ({
    title,
    align: c > 0 ? ("right" as const) : ("left" as const),
  }));
  const explanation =
    "Trainer's rates divide the planned samples and steps by the run time, also when training stopped early, and its " +
    "total_flos counts each pixel value as a token of a language model. Beside them what was done: images that went " +
    "through a training step, and 6 operations per multiply-accumulate of a forward pass.";
  return paragraphs(explanation, markdownTable(columns, accountingRows(run)));
}
