import { linear, ticks } from "./axis.ts";
import { decimalText } from "./numbers.ts";
import { element, escapeMarkup, figure, hundredths, PALETTE, shortened, textAt, textWidthPx } from "./svg.ts";

/** A group of bars under one label. */
export interface BarGroup {
  readonly label: string;
  /** One value per series; null leaves a gap and says "–". */
  readonly values: readonly (number | null)[];
}

/** A horizontal bar chart. */
export interface BarChart {
  readonly title: string;
  readonly groups: readonly BarGroup[];
  /** Names of the values, for the legend; one series needs none. */
  readonly series: readonly string[];
  /** Ends of the axis; bars start at the low one. */
  readonly range: readonly [number, number];
  readonly width?: number;
}

const BAR = 15; // px
const GAP = 12;
const LONGEST_LABEL = 34; // characters

/** Horizontal bars with their values written out, grouped, as SVG. */
export function barChart({ title, groups, series, range, width = 520 }: BarChart): string {
  const groupHeight = series.length * BAR + GAP;
  const labelled = Math.max(0, ...groups.map(({ label }) => textWidthPx(shortened(label, LONGEST_LABEL))));
  const box = { left: 28 + labelled, right: width - 70, top: series.length > 1 ? 62 : 42 };
  const bottom = box.top + groups.length * groupHeight;
  const x = linear(range, [box.left, box.right]);
  const axis = ticks(range[0], range[1], 5, false);
  const grid = axis.values
    .map((value) => `M${hundredths(x(value))} ${hundredths(box.top)}V${hundredths(bottom)}`)
    .join("");
  const body = [
    series.length > 1 && legend(series),
    element("path", { d: grid, stroke: "currentColor", "stroke-opacity": 0.14 }),
    ...axis.values.map((value, i) => textAt(x(value), bottom + 17, axis.labels[i]!, { "text-anchor": "middle" })),
    ...groups.map((group, g) => bars(group, { left: box.left, top: box.top + g * groupHeight + GAP / 2, x, range })),
  ];
  return figure({ width, height: bottom + 30, title }, ...body);
}

function bars(
  { label, values }: BarGroup,
  {
    left,
    top,
    x,
    range,
  }: { left: number; top: number; x: (value: number) => number; range: readonly [number, number] },
): string {
  const middle = top + (values.length * BAR) / 2 + 4;
  const name = element(
    "text",
    { x: left - 10, y: middle, "text-anchor": "end" },
    escapeMarkup(shortened(label, LONGEST_LABEL)),
    [...label].length > LONGEST_LABEL && element("title", {}, escapeMarkup(label)),
  );
  const drawn = values.map((value, i) => {
    const y = top + i * BAR;
    const end = x(Math.min(range[1], Math.max(range[0], value ?? range[0])));
    const bar = element("rect", {
      x: left,
      y: y + 1,
      width: end - left,
      height: BAR - 2,
      rx: 2,
      fill: PALETTE[i % PALETTE.length],
    });
    const figureText = textAt(end + 6, y + BAR / 2 + 4, decimalText(value, 3), { "font-size": 11, opacity: 0.85 });
    return (value === null ? "" : bar) + figureText;
  });
  return name + drawn.join("");
}

function legend(series: readonly string[]): string {
  let at = 16;
  const entries = series.map((name, i) => {
    const start = at;
    at += 18 + textWidthPx(name) + 20;
    return (
      element("rect", { x: start, y: 36, width: 12, height: 12, rx: 2, fill: PALETTE[i % PALETTE.length] }) +
      textAt(start + 18, 46, name)
    );
  });
  return entries.join("");
}
