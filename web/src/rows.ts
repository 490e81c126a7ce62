import type { ClassScore } from "beit";
import { decide, type Rule, scoreOf } from "./decision.ts";

/** A picture and what came of it. */
export interface Row {
  readonly id: number;
  readonly name: string;
  readonly image: Blob;
  /** Address of the picture in this page. */
  readonly url: string;
  readonly scores?: readonly ClassScore[];
  readonly milliseconds?: number;
  readonly error?: string;
}

/** What rows are ordered by. */
export interface Order {
  readonly by: "added" | "name" | "answer" | "score";
  readonly falling: boolean;
}

/** What a row answers by a rule: a label, "unsure", "error", or nothing yet. */
export const answerOf = ({ scores, error }: Row, rule: Rule): string =>
  error !== undefined ? "error" : scores ? decide(scores, rule) : "";

/** Rows that hold a text and have an answer (empty: any), in order. */
export function arrange(
  rows: readonly Row[],
  { text, answer }: { readonly text: string; readonly answer: string },
  { by, falling }: Order,
  rule: Rule,
): Row[] {
  const key = (row: Row): string | number => {
    if (by === "name") return row.name.toLowerCase();
    if (by === "answer") return answerOf(row, rule);
    if (by === "score") return row.scores ? scoreOf(row.scores, rule.label) : -1;
    return row.id;
  };
  const found = rows.filter(
    (row) => row.name.toLowerCase().includes(text.toLowerCase()) && (!answer || answerOf(row, rule) === answer),
  );
  const sign = falling ? -1 : 1;
  return found.sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return x === y ? a.id - b.id : x < y ? -sign : sign;
  });
}
