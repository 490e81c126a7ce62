import { countText } from "./numbers.ts";
import { element, escapeMarkup, figure, PALETTE, shortened, textAt, textWidthPx } from "./svg.ts";

/** A confusion matrix as a picture. */
export interface HeatMap {
  readonly title: string;
  readonly labels: readonly string[];
  /** [true][predicted] counts. */
  readonly matrix: readonly (readonly number[])[];
  /** Link of a cell, e.g. to the pictures behind it; undefined for none. */
  readonly href?: (row: number, column: number) => string | undefined;
}

const LONGEST_LABEL = 22; // characters
const UPRIGHT_CLASSES = 4; // up to here column labels fit side by side
const TEXT_CLASSES = 20; // beyond, cells are too small for figures
const NAMED_CLASSES = 55; // beyond, rows are too low for names

/** Cells shaded by share of their true class (right ones blue, wrong ones orange), with counts, as SVG. */
export function heatMap({ title, labels, matrix, href }: HeatMap): string {
  const K = labels.length;
  const names = K <= NAMED_CLASSES ? labels.map((label) => shortened(label, LONGEST_LABEL)) : [];
  const longest = Math.max(0, ...names.map((name) => textWidthPx(name)));
  const upright = K <= UPRIGHT_CLASSES;
  const cell = upright ? Math.max(96, longest + 16) : K <= TEXT_CLASSES ? 46 : Math.max(6, 640 / K);
  const height = upright ? 72 : cell;
  const left = 52 + longest;
  const top = 66 + (upright ? 14 : longest * 0.75);
  const place = { left, top, cell, height, withText: K <= TEXT_CLASSES };
  const body = [
    textAt(left + (K * cell) / 2, 46, "predicted", { "text-anchor": "middle", opacity: 0.75 }),
    textAt(0, 0, "true", {
      transform: `translate(24 ${top + (K * height) / 2}) rotate(-90)`,
      "text-anchor": "middle",
      opacity: 0.75,
    }),
    ...names.map((name, k) => textAt(left - 10, top + (k + 0.5) * height + 4, name, { "text-anchor": "end" })),
    ...names.map((name, k) => columnLabel(name, left + (k + 0.5) * cell, top - 8, upright)),
    ...matrix.flatMap((row, i) =>
      row.map((count, j) => cellOf(place, { i, j, count, row, labels, href: href?.(i, j) })),
    ),
  ];
  const overhang = upright ? 20 : 20 + longest * 0.7; // slanted labels lean out to the right
  return figure({ width: left + K * cell + overhang, height: top + K * height + 20, title }, ...body);
}

function columnLabel(name: string, x: number, y: number, upright: boolean): string {
  if (upright) return textAt(x, y, name, { "text-anchor": "middle" });
  return textAt(0, 0, name, { transform: `translate(${x} ${y}) rotate(-45)` });
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly height: number;
  readonly withText: boolean;
}

interface Cell {
  readonly i: number;
  readonly j: number;
  readonly count: number;
  readonly row: readonly number[];
  readonly labels: readonly string[];
  readonly href: string | undefined;
}

function cellOf({ left, top, cell, height, withText }: Place, { i, j, count, row, labels, href }: Cell): string {
  const support = row.reduce((a, b) => a + b, 0);
  const share = support > 0 ? count / support : 0;
  const [x, y] = [left + j * cell, top + i * height];
  const shade = count === 0 ? 0 : 0.1 + 0.85 * share;
  const ink = shade > 0.6 ? "#ffffff" : "currentColor";
  const middle = { x: x + cell / 2, anchor: { "text-anchor": "middle", fill: ink } };
  const roomy = height > 60;
  const markup = [
    element(
      "title",
      {},
      escapeMarkup(`${labels[i]} called ${labels[j]}: ${countText(count)} of ${countText(support)}`),
    ),
    element("rect", {
      x: x + 1,
      y: y + 1,
      width: cell - 2,
      height: height - 2,
      rx: 3,
      fill: "currentColor",
      "fill-opacity": 0.05,
    }),
    shade > 0 &&
      element("rect", {
        x: x + 1,
        y: y + 1,
        width: cell - 2,
        height: height - 2,
        rx: 3,
        fill: PALETTE[i === j ? 0 : 1],
        "fill-opacity": shade,
      }),
    withText &&
      textAt(middle.x, y + height / 2 + (roomy ? -2 : 4), countText(count), {
        ...middle.anchor,
        "font-size": roomy ? 18 : 12,
        "font-weight": roomy ? 600 : 400,
      }),
    roomy && textAt(middle.x, y + height / 2 + 18, `${(100 * share).toFixed(1)} %`, middle.anchor),
  ];
  return href === undefined ? element("g", {}, ...markup) : element("a", { href }, ...markup);
}
