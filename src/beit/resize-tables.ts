import { BeitError } from "../platform/errors.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import {
  type AxisWeights,
  antialiasedCubicWeights,
  cubicWeights,
  geometricPositions,
  linearWeights,
  piecewiseLinearWeights,
  splineWeights,
} from "./interpolation.ts";
import { extraRows, relativePositionRows, type Window } from "./position.ts";

/**
 * How a relative position table is brought to another window; the implementations disagree:
 * - `"hf-bilinear"`: transformers ≥ 4.43 at run time, on the grid of offsets, align_corners off. Its reshape swaps
 *   height and width, which scrambles windows that are not square; here they are right.
 * - `"unilm-cubic"`: unilm when loading a checkpoint for a higher resolution: SciPy's interp2d over geometrically
 *   spaced positions. Square only there; here each axis is treated by itself.
 * - `"timm-bilinear"`: timm when loading: the same positions, straight lines.
 * - `"timm-bicubic"`: timm's "simple" variant, torch's bicubic on the grid of offsets.
 */
export type TableResize = "hf-bilinear" | "unilm-cubic" | "timm-bilinear" | "timm-bicubic";

/** How absolute positions are: bicubic in unilm and transformers (run time, ≥ 4.36), antialiased in timm. */
export type PositionResize = "absolute-bicubic" | "absolute-bicubic-antialias";

/** A dense matrix [target rows, source rows], row-major. */
export interface ResizeMatrix {
  readonly data: Float32Array;
  readonly shape: readonly [target: number, source: number];
}

interface GridWeights {
  readonly y: AxisWeights;
  readonly x: AxisWeights;
}

const offsets = (cells: number) => Array.from({ length: cells }, (_, i) => i - Math.floor(cells / 2));

type Along = (source: number, target: number) => AxisWeights;

const schemes: Record<TableResize | PositionResize, Along> = {
  "hf-bilinear": linearWeights,
  "timm-bicubic": cubicWeights,
  "unilm-cubic": (source, target) => splineWeights(geometricPositions(source, target), offsets(target)),
  "timm-bilinear": (source, target) => piecewiseLinearWeights(geometricPositions(source, target), offsets(target)),
  "absolute-bicubic": cubicWeights,
  "absolute-bicubic-antialias": antialiasedCubicWeights,
};

function tableWeights(scheme: TableResize, source: Window, target: Window): GridWeights {
  // Only a window that stays as it is passes untouched: the geometric positions of an equal axis are not its own cells.
  const same = source[0] === target[0] && source[1] === target[1];
  const along = same ? linearWeights : schemes[scheme];
  return {
    y: along(2 * source[0] - 1, 2 * target[0] - 1),
    x: along(2 * source[1] - 1, 2 * target[1] - 1),
  };
}

function positionWeights(scheme: PositionResize, source: Window, target: Window): GridWeights {
  return { y: schemes[scheme](source[0], target[0]), x: schemes[scheme](source[1], target[1]) };
}

/**
 * The Kronecker product of both axes' weights, and `extra` rows copied one to one: before the grid's rows (the cls
 * token of absolute positions) or after them (the extra rows of a relative table).
 */
function denseMatrix({ y, x }: GridWeights, extra: number, where: "before" | "after"): ResizeMatrix {
  const [sourceWidth, targetWidth] = [x[0]!.length, x.length];
  const [sourceCells, targetCells] = [y[0]!.length * sourceWidth, y.length * targetWidth];
  const columns = sourceCells + extra;
  const data = new Float32Array((targetCells + extra) * columns);
  const lead = where === "before" ? extra : 0;
  for (let i = 0; i < targetCells; i++) {
    const [rowY, rowX] = [y[Math.floor(i / targetWidth)]!, x[i % targetWidth]!];
    const start = (lead + i) * columns + lead;
    for (let j = 0; j < sourceCells; j++) {
      data[start + j] = rowY[Math.floor(j / sourceWidth)]! * rowX[j % sourceWidth]!;
    }
  }
  const [row, column] = where === "before" ? [0, 0] : [targetCells, sourceCells];
  for (let k = 0; k < extra; k++) data[(row + k) * columns + column + k] = 1;
  return { data, shape: [targetCells + extra, columns] };
}

const isAbsolute = (scheme: TableResize | PositionResize): scheme is PositionResize => scheme.startsWith("absolute");

/**
 * Resizing as one constant matrix [target rows, source rows] that multiplies a relative position table [rows, h] (its
 * three extra rows copied) or absolute positions [1 + patches, D] (the cls row copied). Interpolating at run time is
 * one MatMul with it, and gradients reach the table the same way.
 */
export function resizeMatrix(scheme: TableResize | PositionResize, source: Window, target: Window): ResizeMatrix {
  if (isAbsolute(scheme)) return denseMatrix(positionWeights(scheme, source, target), 1, "before");
  return denseMatrix(tableWeights(scheme, source, target), extraRows, "after");
}

/** Rows [y, x, channels] resized along y, then x, in float64. */
function resizeGrid({ y, x }: GridWeights, grid: Float32Array, channels: number): Float32Array {
  const [sourceWidth, targetWidth] = [x[0]!.length, x.length];
  const out = new Float32Array(y.length * targetWidth * channels);
  const line = new Float64Array(sourceWidth * channels);
  for (const [i, rowY] of y.entries()) {
    line.fill(0);
    for (const [j, weight] of rowY.entries()) {
      if (weight !== 0) for (let k = 0; k < line.length; k++) line[k]! += weight * grid[j * line.length + k]!;
    }
    for (const [u, rowX] of x.entries()) {
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let v = 0; v < sourceWidth; v++) sum += rowX[v]! * line[v * channels + c]!;
        out[(i * targetWidth + u) * channels + c] = sum;
      }
    }
  }
  return out;
}

/**
 * A relative position table [rows of `source`, h] for the `target` window.
 * @throws BeitError `beit/table-shape` when the table is not of the source window; `beit/table-too-small` when
 * `"unilm-cubic"` has fewer than 4 cells on an axis
 */
export function resizeTable(
  table: Tensor<"float32">,
  scheme: TableResize,
  source: Window,
  target: Window,
): Tensor<"float32"> {
  const [rows, heads] = table.shape;
  if (table.shape.length !== 2 || rows !== relativePositionRows(source)) {
    const expected = `[${relativePositionRows(source)}, heads] for a window of ${source.join(" x ")} patches`;
    throw new BeitError("beit/table-shape", `relative position table: expected ${expected}, got [${table.shape}]`);
  }
  const data = new Float32Array(relativePositionRows(target) * heads!);
  data.set(resizeGrid(tableWeights(scheme, source, target), table.data, heads!));
  data.set(table.data.subarray((rows - extraRows) * heads!), data.length - extraRows * heads!);
  return float32(data, [relativePositionRows(target), heads!]);
}

/**
 * Absolute position embeddings [1, 1 + source patches, D] for the `target` window; the cls row is copied.
 * @throws BeitError `beit/table-shape` when they are not of the source window
 */
export function resizePositions(
  positions: Tensor<"float32">,
  scheme: PositionResize,
  source: Window,
  target: Window,
): Tensor<"float32"> {
  const [one, tokens, width] = positions.shape;
  if (positions.shape.length !== 3 || one !== 1 || tokens !== 1 + source[0] * source[1]) {
    const expected = `[1, ${1 + source[0] * source[1]}, D] for a window of ${source.join(" x ")} patches`;
    throw new BeitError("beit/table-shape", `position embeddings: expected ${expected}, got [${positions.shape}]`);
  }
  const patches = positions.data.subarray(width!);
  const data = new Float32Array((1 + target[0] * target[1]) * width!);
  data.set(positions.data.subarray(0, width!));
  data.set(resizeGrid(positionWeights(scheme, source, target), patches, width!), width!);
  return float32(data, [1, 1 + target[0] * target[1], width!]);
}
