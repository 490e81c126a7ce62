import { BeitError } from "../platform/errors.ts";
import { ACCOUNTING_TITLES, accountingRows, type TrainingRun } from "./accounting.ts";
import {
  CLASS_COLUMNS,
  calibrationSentences,
  classRows,
  type EvaluationReport,
  type FileMistake,
  MATRIX_CLASSES,
  mostConfused,
  subsetColumns,
  subsetRows,
  THRESHOLD_COLUMNS,
  thresholdRows,
} from "./evaluation.ts";
import { evaluationFigures, trainingFigures } from "./figures.ts";
import { countText, decimalText, durationText } from "./numbers.ts";
import type { LogEntry } from "./state.ts";
import { STYLE } from "./style.ts";
import { escapeMarkup } from "./svg.ts";
import type { Column } from "./table.ts";

/** A mistake, with a small picture when the caller wants it embedded. */
export interface ReportMistake extends FileMistake {
  /** `data:image/(png|jpeg|webp|gif);base64,…`. */
  readonly thumbnail?: string;
}

/** What `report.html` shows; absent parts are left out. */
export interface HtmlReport {
  readonly title: string;
  /** One line under the title. */
  readonly subtitle?: string;
  readonly evaluation?: Omit<EvaluationReport, "mistakes"> & { readonly mistakes?: readonly ReportMistake[] };
  readonly history?: readonly LogEntry[];
  readonly run?: TrainingRun;
  /** Name and value pairs: model, data, seed, versions, command … */
  readonly facts?: readonly (readonly [name: string, value: string])[];
}

/**
 * A self-contained report: no scripts, nothing loaded from elsewhere (its content policy forbids it), light and dark.
 * Pictures are embedded only where a mistake carries a thumbnail.
 * @throws BeitError `report/bad-thumbnail` for a thumbnail that is not a base64 data URL of a picture.
 */
export function htmlReport(report: HtmlReport): string {
  const { title, subtitle, evaluation, history, run, facts } = report;
  const sections = [
    `<header><h1>${escapeMarkup(title)}</h1>${subtitle ? `<p>${escapeMarkup(subtitle)}</p>` : ""}</header>`,
    evaluation && headline(evaluation),
    evaluation &&
      htmlSection("Evaluation", figures(evaluationFigures(evaluation, (i, j) => mistakeLink(evaluation, i, j)))),
    evaluation && htmlSection("Classes", classes(evaluation)),
    ...subsets(evaluation),
    evaluation && htmlSection("Calibration", calibration(evaluation)),
    evaluation?.thresholds &&
      htmlSection(
        `Thresholds for “${evaluation.thresholds.positive}”`,
        htmlTable(THRESHOLD_COLUMNS, thresholdRows(evaluation.thresholds)),
      ),
    history && history.length > 0 && htmlSection("Training", figures(trainingFigures(history))),
    run && htmlSection("What training did", accounting(run)),
    evaluation?.mistakes &&
      evaluation.mistakes.length > 0 &&
      htmlSection("Worst mistakes", mistakes(evaluation.mistakes)),
    facts && htmlSection("This run", htmlTable([{ title: "" }, { title: "" }], facts)),
  ];
  return htmlPage(title, sections.filter(Boolean).join("\n"));
}

/** A page in the reports' style around finished markup. */
export function htmlPage(title: string, body: string): string {
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`;
}

/** A titled part of a page around finished markup. */
export const htmlSection = (title: string, body: string): string =>
  `<section><h2>${escapeMarkup(title)}</h2>\n${body}\n</section>`;
const figures = (drawings: readonly string[]) => `<div class="figures">${drawings.join("\n")}</div>`;
const paragraph = (text: string) => `<p>${escapeMarkup(text)}</p>`;

function headline({ metrics, intervals, runtimeSeconds }: EvaluationReport): string {
  const between = (interval: readonly [number, number] | undefined) =>
    interval ? `${interval[0].toFixed(4)} to ${interval[1].toFixed(4)}` : "";
  const cards = [
    ["accuracy", decimalText(metrics.accuracy), between(intervals?.accuracy)],
    ["balanced accuracy", decimalText(metrics.balanced_accuracy), between(intervals?.balanced_accuracy)],
    ...(metrics.top_5_accuracy === undefined ? [] : [["top-5 accuracy", decimalText(metrics.top_5_accuracy), ""]]),
    ["loss", decimalText(metrics.loss), ""],
    ["images", countText(metrics.samples), runtimeSeconds === undefined ? "" : `in ${durationText(runtimeSeconds)}`],
  ];
  const shown = cards.map(([name, figure, note]) => {
    return `<div class="card"><dt>${name}</dt><dd>${figure}</dd><dd class="note">${note}</dd></div>`;
  });
  return `<dl class="cards">${shown.join("")}</dl>`;
}

/** A table in its own scroll box; right-aligned columns are figures. */
export function htmlTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cell = (tag: string, text: string, c: number) => {
    return `<${tag}${columns[c]?.align === "right" ? ' class="figure"' : ""}>${escapeMarkup(text)}</${tag}>`;
  };
  const titled = columns.some(({ title }) => title !== "");
  const head = titled ? `<thead><tr>${columns.map(({ title }, c) => cell("th", title, c)).join("")}</tr></thead>` : "";
  const body = rows.map((row) => `<tr>${row.map((text, c) => cell("td", text, c)).join("")}</tr>`).join("\n");
  return `<div class="scroll"><table>${head}<tbody>${body}</tbody></table></div>`;
}

function classes({ metrics }: EvaluationReport): string {
  const table = htmlTable(CLASS_COLUMNS, classRows(metrics));
  if (metrics.labels.length <= MATRIX_CLASSES) return table;
  const columns: Column[] = [{ title: "true" }, { title: "called" }, { title: "images", align: "right" }];
  const pairs = mostConfused(metrics).map(({ label, predicted, count }) => [label, predicted, countText(count)]);
  return `${table}<h3>Most confused</h3>${htmlTable(columns, pairs)}`;
}

function subsets(evaluation: EvaluationReport | undefined): string[] {
  return Object.entries(evaluation?.by ?? {}).map(([attribute, rows]) => {
    const { labels } = evaluation!.metrics;
    return htmlSection(`By ${attribute}`, htmlTable(subsetColumns(attribute, labels), subsetRows(rows, labels)));
  });
}

const calibration = (evaluation: EvaluationReport) => calibrationSentences(evaluation).map(paragraph).join("");

function accounting(run: TrainingRun): string {
  const columns = ACCOUNTING_TITLES.map((title, c) => ({
    title,
    align: c > 0 ? ("right" as const) : ("left" as const),
  }));
  const explanation =
    "Trainer's rates count planned images and steps, and its arithmetic counts every pixel value as a token of a language model.";
  return htmlTable(columns, accountingRows(run)) + paragraph(explanation);
}

/** Anchor of the listed mistakes of one kind, for the confusion matrix to point at. */
function mistakeLink({ metrics, mistakes }: EvaluationReport, i: number, j: number): string | undefined {
  const [label, predicted] = [metrics.labels[i]!, metrics.labels[j]!];
  const kinds = mistakeKinds(mistakes ?? []);
  const at = kinds.findIndex((kind) => kind.label === label && kind.predicted === predicted);
  return at < 0 ? undefined : `#mistakes-${at + 1}`;
}

/** Mistakes by (true, predicted), kinds and members in the given order. */
function mistakeKinds<T extends FileMistake>(mistakes: readonly T[]) {
  const kinds = new Map<string, { label: string; predicted: string; members: T[] }>();
  for (const mistake of mistakes) {
    const { label, predicted } = mistake;
    const key = JSON.stringify([label, predicted]);
    const kind = kinds.get(key) ?? { label, predicted, members: [] };
    kind.members.push(mistake);
    kinds.set(key, kind);
  }
  return [...kinds.values()];
}

function mistakes(all: readonly ReportMistake[]): string {
  return mistakeKinds(all)
    .map(({ label, predicted, members }, at) => {
      const heading = `${label} called ${predicted}`;
      const pictured = members.some(({ thumbnail }) => thumbnail !== undefined);
      const list = pictured ? gallery(members) : mistakeTable(members);
      return `<h3 id="mistakes-${at + 1}">${escapeMarkup(heading)}</h3>\n${list}`;
    })
    .join("\n");
}

function mistakeTable(members: readonly FileMistake[]): string {
  const rows = members.map(({ file, score }) => [file, decimalText(score)]);
  return htmlTable([{ title: "file" }, { title: "probability given", align: "right" }], rows);
}

const THUMBNAIL = /^data:image\/(?:png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$/;

function gallery(members: readonly ReportMistake[]): string {
  const items = members.map(({ file, score, thumbnail }) => {
    if (thumbnail !== undefined && !THUMBNAIL.test(thumbnail)) {
      const came = thumbnail.slice(0, 40);
      throw new BeitError("report/bad-thumbnail", `${file}: expected a base64 data URL of a picture, got "${came}…"`);
    }
    const picture = thumbnail === undefined ? "" : `<img src="${thumbnail}" alt="" loading="lazy">`;
    return `<figure>${picture}<figcaption>${escapeMarkup(file)}<br>${decimalText(score)}</figcaption></figure>`;
  });
  return `<div class="gallery">${items.join("\n")}</div>`;
}
