import { decide, type Rule } from "./decision.ts";
import type { Row } from "./rows.ts";

const cell = (text: string | number) =>
  /[",\r\n]/.test(String(text)) ? `"${String(text).replaceAll('"', '""')}"` : text;
// A spreadsheet takes what begins so for a formula.
const plain = (text: string) => (/^[=+\-@\t]/.test(text) ? `'${text}` : text);

/** Rows as CSV (RFC 4180): file, answer by the rule, score of each class, error. */
export function toCsv(rows: readonly Row[], labels: readonly string[], rule: Rule): string {
  const head = ["file", "answer", ...labels, "error"];
  const lines = rows.map(({ name, scores, error }) => {
    const values = labels.map((label) => scores?.find((entry) => entry.label === label)?.score ?? "");
    return [plain(name), scores ? decide(scores, rule) : "", ...values, plain(error ?? "")];
  });
  return [head, ...lines].map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

/** Rows as JSON, with the rule that made the answers. */
export function toJson(rows: readonly Row[], rule: Rule): string {
  const results = rows.map(({ name, scores, error }) =>
    scores ? { file: name, answer: decide(scores, rule), predictions: scores } : { file: name, error },
  );
  return `${JSON.stringify({ rule, results }, null, 2)}\n`;
}

/** Hands a text to the user as a file. */
export function download(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
