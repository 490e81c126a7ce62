import type { ProbePooling, ProbeReport } from "../evaluate/probe.ts";
import { lineChart, type Series } from "./line-chart.ts";
import { formatTable, type TextStyle } from "./table.ts";

const names: Readonly<Record<ProbePooling, string>> = { cls: "[CLS]", mean: "mean of patches", concat: "both" };

/** A probe's result as a table of balanced accuracies, the best marked. */
export function formatProbe({ rows, trainedOn, measuredOn, solver, k }: ProbeReport, style: TextStyle = {}): string {
  const best = (read: (row: ProbeReport["rows"][number]) => number) => Math.max(...rows.map(read));
  const [bestLinear, bestNearest] = [
    best(({ linear }) => linear.balanced_accuracy),
    best(({ nearest }) => nearest.balanced_accuracy),
  ];
  const shown = (value: number, most: number) => `${value.toFixed(4)}${value === most ? " *" : "  "}`;
  const ridge = solver === "ridge";
  const table = formatTable(
    [
      { title: "layer", align: "right" },
      { title: "features" },
      { title: "linear", align: "right" },
      ...(ridge ? [{ title: "ridge", align: "right" as const }] : []),
      { title: `${k} nearest`, align: "right" },
    ],
    rows.map(({ layer, pooling, linear, nearest }) => [
      `${layer}`,
      names[pooling],
      shown(linear.balanced_accuracy, bestLinear),
      ...(ridge ? [`${linear.strength}`] : []),
      shown(nearest.balanced_accuracy, bestNearest),
    ]),
    style,
  );
  const count = (n: number) => n.toLocaleString("en");
  return `Balanced accuracy on ${count(measuredOn)} pictures, fitted on ${count(trainedOn)}; * is the best.\n\n${table}`;
}

/** Balanced accuracy over the layers, a line for each kind of features, as SVG. */
export function probeChart({ rows }: ProbeReport): string {
  const poolings = [...new Set(rows.map(({ pooling }) => pooling))];
  const series = poolings.flatMap((pooling): Series[] => {
    const own = rows.filter((row) => row.pooling === pooling);
    return [
      {
        name: `linear, ${names[pooling]}`,
        points: own.map(({ layer, linear }) => [layer, linear.balanced_accuracy]),
        markers: true,
      },
      {
        name: `nearest, ${names[pooling]}`,
        points: own.map(({ layer, nearest }) => [layer, nearest.balanced_accuracy]),
        dashed: true,
      },
    ];
  });
  return lineChart({
    title: "What the layers know",
    xLabel: "layer",
    yLabel: "balanced accuracy",
    series,
    width: 680,
    height: 400,
  });
}
