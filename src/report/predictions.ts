import { createColors } from "picocolors";
import { decimalText } from "./numbers.ts";
import { formatTable, type TextStyle } from "./table.ts";

/** A class and its probability. */
export interface Score {
  readonly label: string;
  /** In [0, 1]. */
  readonly score: number;
}

/** What a model said about one file, most probable first; or why it could not. */
export type Prediction =
  | { readonly file: string; readonly predictions: readonly Score[] }
  | { readonly file: string; readonly error: string };

/** Output formats of predictions. */
export type PredictionFormat = "table" | "json" | "jsonl" | "csv";

/** Predictions in one of the formats; ends without a line break except for csv and jsonl, whose lines each end in one. */
export function formatPredictions(
  rows: readonly Prediction[],
  format: PredictionFormat,
  style: TextStyle = {},
): string {
  switch (format) {
    case "table":
      return predictionTable(rows, style);
    case "json":
      return JSON.stringify(rows.map(predictionRecord), null, 2);
    case "jsonl":
      return rows.map(predictionJsonLine).join("");
    case "csv": {
      const topK = rows.reduce((most, row) => Math.max(most, "error" in row ? 0 : row.predictions.length), 1);
      return predictionCsvHeader(topK) + rows.map((row) => predictionCsvLine(row, topK)).join("");
    }
  }
}

/** The JSON of one file: `{file, label, score, predictions}` or `{file, error}`. */
export function predictionRecord(row: Prediction) {
  if ("error" in row) return { file: row.file, error: row.error };
  return {
    file: row.file,
    label: row.predictions[0]?.label,
    score: row.predictions[0]?.score,
    predictions: row.predictions,
  };
}

/** One line of JSON lines, for writing as results come. */
export function predictionJsonLine(row: Prediction): string {
  return `${JSON.stringify(predictionRecord(row))}\n`;
}

/** CSV columns: file, label, score, label_2, score_2 … up to `topK`, error. */
export function predictionCsvHeader(topK: number): string {
  const further = Array.from({ length: Math.max(0, topK - 1) }, (_, i) => [`label_${i + 2}`, `score_${i + 2}`]).flat();
  return csvLine(["file", "label", "score", ...further, "error"]);
}

/** One line under that header; a file that failed has only `file` and `error`. */
export function predictionCsvLine(row: Prediction, topK: number): string {
  const scores = "error" in row ? [] : row.predictions.slice(0, topK);
  const cells = Array.from({ length: topK }, (_, i) => [scores[i]?.label ?? "", String(scores[i]?.score ?? "")]).flat();
  return csvLine([row.file, ...cells, "error" in row ? row.error : ""]);
}

/** A record of RFC 4180: fields quoted where needed, quotes doubled, CRLF at the end. */
export function csvLine(fields: readonly string[]): string {
  const quoted = fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field));
  return `${quoted.join(",")}\r\n`;
}

function predictionTable(rows: readonly Prediction[], style: TextStyle): string {
  const { red } = createColors(style.color ?? false);
  const lines = rows.map((row) => {
    if ("error" in row) return [row.file, "error", "", row.error];
    const [first, ...others] = row.predictions;
    const rest = others.map(({ label, score }) => `${label} ${decimalText(score)}`).join(", ");
    return [row.file, first?.label ?? "", decimalText(first?.score), rest];
  });
  const columns = [{ title: "file" }, { title: "label" }, { title: "score", align: "right" as const }];
  const wider = lines.some((line) => line[3] !== "");
  const table = formatTable(wider ? [...columns, { title: "others" }] : columns, lines, style).split("\n");
  return table.map((line, i) => (i > 0 && "error" in rows[i - 1]! ? red(line) : line)).join("\n");
}
