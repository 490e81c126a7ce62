import { linear, type Scale, type Ticks, ticks } from "./axis.ts";
import { element, figure, hundredths, PALETTE, textAt, textWidthPx } from "./svg.ts";

/** A point; a non-finite y breaks the line. */
export type Point = readonly [x: number, y: number];

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
  readonly color?: string;
  readonly dashed?: boolean;
  /** Thin and pale, without a legend entry: the raw values behind a smoothed line. */
  readonly faint?: boolean;
  /** Dots at the points. */
  readonly markers?: boolean;
}

/** A line chart. */
export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel?: string;
  readonly series: readonly Series[];
  /** Fixed ends of the axes; from the data otherwise. */
  readonly xRange?: readonly [number, number];
  readonly yRange?: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
}

/** Lines over labelled axes with a legend, as SVG. Points must ascend in x. */
export function lineChart(chart: LineChart): string {
  const { title, series, width = 520, height = 320 } = chart;
  const points = series.flatMap((line) => line.points.filter(([, y]) => Number.isFinite(y)));
  const [yLow, yHigh] = chart.yRange ?? extent(points.map(([, y]) => y));
  const [xLow, xHigh] = chart.xRange ?? extent(points.map(([x]) => x));
  const yTicks = ticks(yLow, yHigh, 5, chart.yRange === undefined);
  const xTicks = ticks(xLow, xHigh, 6, false);
  const left = 26 + Math.max(...yTicks.labels.map((label) => textWidthPx(label))) + (chart.yLabel ? 20 : 0);
  const key = legend(series, 16, width - 12);
  const box = { left, right: width - 20, top: 62 + LEGEND_ROW * (key.rows - 1), bottom: height - 50 };
  const x = linear([xTicks.low, xTicks.high], [box.left, box.right]);
  const y = linear([yTicks.low, yTicks.high], [box.bottom, box.top]);
  const body = [
    key.markup,
    yAxis(yTicks, y, box),
    xAxis(xTicks, x, box),
    textAt((box.left + box.right) / 2, height - 12, chart.xLabel, { "text-anchor": "middle", opacity: 0.75 }),
    chart.yLabel !== undefined && sideLabel(chart.yLabel, (box.top + box.bottom) / 2),
    ...series.map((line, i) => lineOf(line, colorOf(line, i), x, y)),
    points.length === 0 &&
      textAt((box.left + box.right) / 2, (box.top + box.bottom) / 2, "no data", { "text-anchor": "middle" }),
  ];
  return figure({ width, height, title }, ...body);
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const colorOf = (line: Series, i: number) => line.color ?? PALETTE[i % PALETTE.length]!;

/** Smallest and largest value; [0, 1] of none. A loop, because a spread of long histories overflows the stack. */
function extent(values: readonly number[]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

function yAxis({ values, labels }: Ticks, y: Scale, { left, right }: Box): string {
  const grid = values.map((value) => `M${hundredths(left)} ${hundredths(y(value))}H${hundredths(right)}`).join("");
  const texts = values.map((value, i) => textAt(left - 8, y(value) + 4, labels[i]!, { "text-anchor": "end" }));
  return element("path", { d: grid, stroke: "currentColor", "stroke-opacity": 0.14 }) + texts.join("");
}

function xAxis({ values, labels }: Ticks, x: Scale, { left, right, bottom }: Box): string {
  const marks = values.map((value) => `M${hundredths(x(value))} ${hundredths(bottom)}v5`).join("");
  const base = `M${hundredths(left)} ${hundredths(bottom)}H${hundredths(right)}`;
  const texts = values.map((value, i) => textAt(x(value), bottom + 19, labels[i]!, { "text-anchor": "middle" }));
  return element("path", { d: base + marks, stroke: "currentColor", "stroke-opacity": 0.6 }) + texts.join("");
}

function sideLabel(text: string, y: number): string {
  return textAt(0, 0, text, {
    transform: `translate(20 ${hundredths(y)}) rotate(-90)`,
    "text-anchor": "middle",
    opacity: 0.75,
  });
}

const LEGEND_ROW = 19; // px

/** Names of the lines beside each other, in as many rows as they need. */
function legend(series: readonly Series[], left: number, right: number): { markup: string; rows: number } {
  let [at, row] = [left, 0];
  const entries = series.flatMap((line, i) => {
    if (line.faint) return [];
    const length = 26 + textWidthPx(line.name);
    if (at > left && at + length > right) [at, row] = [left, row + 1];
    const [start, y] = [at, 42 + LEGEND_ROW * row];
    at += length + 20;
    const stroke = { stroke: colorOf(line, i), "stroke-width": 3, "stroke-dasharray": line.dashed ? "5 3" : undefined };
    return [
      element("path", { d: `M${hundredths(start)} ${hundredths(y)}h18`, ...stroke }) +
        textAt(start + 26, y + 4, line.name),
    ];
  });
  return { markup: entries.join(""), rows: row + 1 };
}

function lineOf({ points, dashed, faint, markers }: Series, color: string, x: Scale, y: Scale): string {
  let pen = "M";
  const path = points.map(([px, py]) => {
    if (!Number.isFinite(py)) {
      pen = "M";
      return "";
    }
    const command = `${pen}${hundredths(x(px))} ${hundredths(y(py))}`;
    pen = "L";
    return command;
  });
  const stroke = {
    fill: "none",
    stroke: color,
    "stroke-width": faint ? 1 : 2,
    "stroke-opacity": faint ? 0.3 : undefined,
    "stroke-dasharray": dashed ? "5 4" : undefined,
    "stroke-linejoin": "round",
  };
  const dots = points.filter(([, py]) => markers && Number.isFinite(py));
  return (
    element("path", { d: path.join(""), ...stroke }) +
    dots.map(([px, py]) => element("circle", { cx: x(px), cy: y(py), r: 3.5, fill: color })).join("")
  );
}

/**
 * Exponential moving average of y, bias-corrected as in Adam so that the start is not pulled to 0.
 * @param weight of the past, in [0, 1).
 */
export function smoothed(points: readonly Point[], weight: number): Point[] {
  let average = 0;
  let mass = 0;
  return points.map(([x, y]) => {
    if (!Number.isFinite(y)) return [x, y];
    average = weight * average + (1 - weight) * y;
    mass = weight * mass + (1 - weight);
    return [x, average / mass];
  });
}
