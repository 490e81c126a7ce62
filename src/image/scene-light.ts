import type { Pixels } from "../tensor/pixels.ts";
import type { Fabric } from "./fabric.ts";
import type { FaceFrame } from "./face-geometry.ts";
import { type Coverage, fill, type Point } from "./raster.ts";

/** The light, tint and sharpness of a picture where a face lies: what a thing painted onto it has to share. */
export interface SceneLight {
  /** Light on the face relative to its mean, low frequencies only: `GRID` × `GRID` over the picture. */
  readonly relief: Float32Array;
  /** Factor for red, green, blue of a thing's colour. */
  readonly gain: readonly [number, number, number];
  /** Mean colour of the cheeks. */
  readonly skin: readonly [number, number, number];
  /** 0 for a greyscale picture, 1 for a coloured one. */
  readonly colour: number;
  /** Width in pixels over which the picture's own edges are smeared. */
  readonly blur: number;
}

const GRID = 8;
const TYPICAL_SKIN = [1.27, 0.94, 0.8] as const; // cheek colour over its luminance, mean of bare faces in daylight

const luminance = (r: number, g: number, b: number) => 0.299 * r + 0.587 * g + 0.114 * b;

/** Measure the scene of `pixels` around a face. */
export function sceneLight(pixels: Pixels, frame: FaceFrame): SceneLight {
  const skin = cheeks(pixels, frame);
  const level = luminance(...skin) || 1;
  const { relief, white, chroma } = survey(pixels, level);
  const exposure = Math.min(1.1, Math.max(0.2, 0.45 * (level / 150) + 0.55 * (white / 225)));
  const colour = Math.min(1, chroma / 12);
  const cast = (c: 0 | 1 | 2) => {
    const tint = Math.min(1.35, Math.max(0.7, skin[c] / level / TYPICAL_SKIN[c]));
    return exposure * (1 + 0.45 * colour * (tint - 1));
  };
  return { relief, gain: [cast(0), cast(1), cast(2)], skin, colour, blur: smear(pixels, frame) };
}

/** Mean colour of two patches beside the nose. */
function cheeks({ width, height, data }: Pixels, frame: FaceFrame): [number, number, number] {
  const sum: [number, number, number] = [0, 0, 0];
  let count = 0;
  for (const u of [-0.55, -0.45, 0.45, 0.55]) {
    for (const v of [0.28, 0.36, 0.44]) {
      const [x, y] = frame.place(u, v).map(Math.round) as [number, number];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const at = (y * width + x) * 3;
      for (const c of [0, 1, 2] as const) sum[c] += data[at + c]!;
      count++;
    }
  }
  return count > 0 ? [sum[0] / count, sum[1] / count, sum[2] / count] : [150, 120, 105];
}

/** The relief of light, the level of the brightest tenth, and the mean colourfulness, from every ninth pixel. */
function survey({ width, height, data }: Pixels, level: number) {
  const sums = new Float32Array(GRID * GRID);
  const counts = new Float32Array(GRID * GRID);
  const histogram = new Uint32Array(256);
  let chroma = 0;
  let total = 0;
  for (let y = 0; y < height; y += 3) {
    const row = Math.floor((y / height) * GRID) * GRID;
    for (let x = 0; x < width; x += 3) {
      const at = (y * width + x) * 3;
      const r = data[at]!;
      const g = data[at + 1]!;
      const b = data[at + 2]!;
      const l = luminance(r, g, b);
      const cell = row + Math.floor((x / width) * GRID);
      sums[cell]! += l;
      counts[cell]!++;
      histogram[Math.round(l)]!++;
      chroma += Math.max(r, g, b) - Math.min(r, g, b);
      total++;
    }
  }
  let [white, above] = [255, 0];
  while (white > 0 && above < total / 10) above += histogram[white--]!;
  const relief = sums.map((sum, i) => Math.min(1.35, Math.max(0.55, sum / Math.max(1, counts[i]!) / level)));
  return { relief, white, chroma: chroma / Math.max(1, total) };
}

/** How soft the picture is: steps over two pixels are nearly twice those over one where edges are smeared. */
function smear({ width, height, data }: Pixels, frame: FaceFrame): number {
  const [cx, cy] = frame.place(0, 0.2).map(Math.round) as [number, number];
  const reach = Math.round(frame.width / 2);
  let [near, far] = [0, 0];
  for (let y = Math.max(0, cy - reach); y < Math.min(height, cy + reach); y += 3) {
    for (let x = Math.max(0, cx - reach); x < Math.min(width - 4, cx + reach); x++) {
      const at = (y * width + x) * 3 + 1;
      near += Math.abs(data[at + 3]! - data[at]!);
      far += Math.abs(data[at + 12]! - data[at]!);
    }
  }
  const ratio = near > 0 ? far / near : 4; // 4 where everything is a ramp, about 1.5 in a sharp picture
  return Math.min(4, Math.max(0, (ratio - 1.9) * 1.6));
}

/**
 * Row `y` (in cells of a coarse grid, may lie between two) stretched to `out.length` values, the first at cell `x`, each
 * `step` cells after the one before; linear between cells, edges repeat. Rows at a time, as numbers returned from calls
 * in an inner loop cost more than the arithmetic.
 */
function stretchRow(grid: Grid, x: number, y: number, step: number, out: Float32Array): void {
  const { values, width, height } = grid;
  const cy = Math.min(height - 1, Math.max(0, y));
  const above = Math.floor(cy) * width;
  const below = Math.min(height - 1, Math.floor(cy) + 1) * width;
  const fy = cy - Math.floor(cy);
  for (let i = 0; i < out.length; i++) {
    const cx = Math.min(width - 1, Math.max(0, x + i * step));
    const left = Math.floor(cx);
    const right = left + 1 < width ? left + 1 : left;
    const fx = cx - left;
    const top = values[above + left]! * (1 - fx) + values[above + right]! * fx;
    const bottom = values[below + left]! * (1 - fx) + values[below + right]! * fx;
    out[i] = top + (bottom - top) * fy;
  }
}

interface Grid {
  readonly values: Float32Array;
  readonly width: number;
  readonly height: number;
}

const unit = ([x, y]: readonly [number, number]): [number, number] => {
  const square = x * x + y * y || 1;
  return [x / square, y / square];
};

/** How a thing is put onto a picture. */
export interface Coat {
  readonly fabric: Fabric;
  /** Factor on the fabric's brightness at (u, v): folds and roundness. */
  readonly shade?: (u: number, v: number) => number;
  /** 0 transparent – 1 opaque; 1 by default. */
  readonly opacity?: number;
  /** How much of the face's relief of light shows, 0–1. */
  readonly relief?: number;
  /** Amplitude of the grain, in grey levels. */
  readonly grain?: number;
  /** Leave the fabric's colours as they are: they were taken from the picture. */
  readonly asIs?: boolean;
}

const clamp = (value: number) => (value < 0 ? 0 : value > 255 ? 255 : value + 0.5);

/** Lay `coat` over the covered part of `data` (changed in place). */
export function lay(
  data: Uint8Array,
  size: { readonly width: number; readonly height: number },
  cover: Coverage,
  frame: FaceFrame,
  light: SceneLight,
  coat: Coat,
): void {
  const { fabric, shade, opacity = 1, relief = 0.5, grain = 5, asIs = false } = coat;
  const [red, green, blue] = asIs ? ([1, 1, 1] as const) : light.gain;
  const { colour } = light;
  const rgb = new Float32Array(3);
  const [ux, uy] = unit(frame.across);
  const [vx, vy] = unit(frame.down);
  const [cellX, cellY] = [GRID / size.width, GRID / size.height];
  const grid = { values: light.relief, width: GRID, height: GRID };
  const lights = new Float32Array(cover.width);
  let noise = (cover.x * 7919 + cover.y * 104729 + cover.width * 31) | 1;
  for (let row = 0; row < cover.height; row++) {
    const y = cover.y + row;
    const dy = y + 0.5 - frame.origin[1];
    stretchRow(grid, (cover.x + 0.5) * cellX - 0.5, (y + 0.5) * cellY - 0.5, cellX, lights);
    for (let column = 0; column < cover.width; column++) {
      const alpha = cover.alpha[row * cover.width + column]! * opacity;
      if (alpha < 0.004) continue;
      const x = cover.x + column;
      const dx = x + 0.5 - frame.origin[0];
      const u = dx * ux + dy * uy;
      const v = dx * vx + dy * vy;
      fabric(u, v, rgb);
      const lit = 1 + relief * (lights[column]! - 1);
      const factor = shade ? lit * shade(u, v) : lit;
      const grey = luminance(rgb[0]!, rgb[1]!, rgb[2]!);
      noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
      const speck = grain * (noise / 2147483648);
      const at = (y * size.width + x) * 3;
      const keep = 1 - alpha;
      const ink = (value: number, own: number) => clamp(own * keep + (value * factor + speck) * alpha);
      data[at] = ink((grey + (rgb[0]! - grey) * colour) * red, data[at]!);
      data[at + 1] = ink((grey + (rgb[1]! - grey) * colour) * green, data[at + 1]!);
      data[at + 2] = ink((grey + (rgb[2]! - grey) * colour) * blue, data[at + 2]!);
    }
  }
}

/**
 * Cast a shadow of the shape `points`: `data` (changed in place) is darkened by up to `strength` (0–1) within the shape
 * and about `reach` px around it. Drawn on a coarse grid and smoothed between its cells: a shadow has no detail.
 */
export function castShadow(
  data: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  points: readonly Point[],
  reach: number,
  strength: number,
): void {
  const cell = Math.max(1, Math.floor(reach / 1.5));
  const coarse = points.map(([x, y]): Point => [x / cell, y / cell]);
  const cover = fill(coarse, Math.ceil(width / cell), Math.ceil(height / cell), reach / cell);
  const [right, bottom] = [
    Math.min(width, (cover.x + cover.width) * cell),
    Math.min(height, (cover.y + cover.height) * cell),
  ];
  const grid = { values: cover.alpha, width: cover.width, height: cover.height };
  const left = cover.x * cell;
  const row = new Float32Array(Math.max(0, right - left));
  for (let y = cover.y * cell; y < bottom; y++) {
    stretchRow(grid, 0.5 / cell - 0.5, (y + 0.5) / cell - 0.5 - cover.y, 1 / cell, row);
    for (let i = 0, at = (y * width + left) * 3; i < row.length; i++, at += 3) {
      const factor = 1 - strength * row[i]!;
      data[at] = data[at]! * factor;
      data[at + 1] = data[at + 1]! * factor;
      data[at + 2] = data[at + 2]! * factor;
    }
  }
}
