// Rows of measurements as text.
import { formatTable } from "../dist/report/table.js";
import { verdict } from "./statistics.mjs";

const COLUMNS = [
  { title: "measured" },
  { title: "sessions x threads" },
  { title: "rate", align: "right" },
  { title: "unit" },
  { title: "ratio", align: "right" },
  { title: "lowest – highest" },
  { title: "of" },
  { title: "floor", align: "right" },
  { title: "" },
];

const digits = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

function cellsOf(row) {
  const { what, layout = "", rate, unit = "", ratio, against = "", floor } = row;
  const passed = verdict({ ratio, floor });
  return [
    what,
    layout,
    rate ? digits(rate.median) : "",
    rate ? unit : "",
    ratio ? ratio.median.toFixed(2) : "",
    ratio ? `${ratio.low.toFixed(2)} – ${ratio.high.toFixed(2)}` : "",
    ratio ? against : "",
    floor === undefined ? "" : floor.toFixed(2),
    passed === undefined ? "" : passed ? "ok" : "BELOW",
  ];
}

/** Table of rows, their notes below. */
export function renderRows(rows, style = {}) {
  const notes = rows.flatMap(({ what, note }) => (note ? [`  ${what}: ${note}`] : []));
  return [formatTable(COLUMNS, rows.map(cellsOf), style), ...notes].join("\n");
}

const BUSY = 0.85; // below this share of its threads' time a measurement had to share its cores

/** Threads of a row's layout. */
const threadsOf = ({ layout }) => layout.split(" x ").reduce((product, n) => product * Number(n), 1);

/** A sentence when something else was running; undefined on a quiet machine. */
export function busyWarning(rows) {
  const shares = rows.flatMap((row) => (row.cores === undefined ? [] : [row.cores / threadsOf(row)]));
  const lowest = Math.min(1, ...shares);
  if (lowest >= BUSY) return undefined;
  return `other work was running: a measurement had only ${Math.round(100 * lowest)} % of its cores; rates are too low, ratios are rough`;
}

/** Machine and versions in one line. */
export function renderMachine({ date, machine: m, quick }) {
  const what = `${m.cpu}, ${m.cores} cores, ${m.memoryGiB} GiB, ${m.platform}`;
  const versions = `Node ${m.node.slice(1)}, onnxruntime ${m.onnxruntime}, beit ${m.beit}`;
  return `${what}\n${versions}; ${date}; load ${m.loadAtStart.toFixed(1)}${quick ? "; quick, rough figures" : ""}`;
}
