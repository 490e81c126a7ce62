import { createColors } from "picocolors";
import { visibleText } from "../platform/visible.ts";

/** A column of a text table; numbers read best right-aligned. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** How text is rendered; the caller decides about colour (terminal, NO_COLOR). */
export interface TextStyle {
  readonly color?: boolean;
}

/**
 * Aligned columns two spaces apart, titles in bold, no rules, no trailing blanks or final line break. Control
 * characters in cells (file names may hold any) are shown as escapes, so they cannot steer a terminal.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { color = false }: TextStyle = {},
): string {
  const { bold } = createColors(color);
  const cells = rows.map((row) => row.map(visibleText));
  const widths = columns.map(({ title }, c) => {
    return cells.reduce((width, row) => Math.max(width, textWidth(row[c] ?? "")), textWidth(title));
  });
  const line = (row: readonly string[]) =>
    columns
      .map((column, c) => pad(row[c] ?? "", widths[c]!, column))
      .join("  ")
      .trimEnd();
  return [bold(line(columns.map(({ title }) => title))), ...cells.map(line)].join("\n");
}

function pad(text: string, width: number, { align = "left" }: Column): string {
  const blanks = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "left" ? text + blanks : blanks + text;
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\uff01-\uff60]/u;

/** Terminal cells of a text: combining marks take none, CJK and emoji two. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    if (!/\p{M}/u.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
