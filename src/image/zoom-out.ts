import type { Pixels } from "../tensor/pixels.ts";
import type { Random } from "../tensor/random.ts";
import { anyColour, pick, smoothNoise } from "./fabric.ts";

/** How far {@link zoomOut} goes. */
export interface ZoomOut {
  /** The result shows up to this many times the width of the picture; at least 1. */
  readonly maxScale: number;
  /** Longest side in pixels the canvas may grow to; beyond, the picture is shrunk instead. 256 by default. */
  readonly longSide?: number;
  /** Strips of photographs that may lie behind, see {@link upperPart}; none: the surroundings are made up. */
  readonly grounds?: readonly Pixels[] | undefined;
  /** Whether the surroundings may be the picture's own mirror image; true by default. */
  readonly mirrors?: boolean;
}

/**
 * Step back from a tight picture: it becomes a part, 1/s wide and high with ln s uniform in [0, ln maxScale], of a larger
 * one, at a random place (rather above the middle, as heads are), over its own mirrored edges, a soft enlargement of itself,
 * a plain, mottled ground, or strips of photographs. The seam is sometimes softened.
 * @returns a picture of the same aspect (H W C, 0–255)
 */
export function zoomOut(pixels: Pixels, random: Random, options: ZoomOut): Pixels {
  const scale = Math.exp(random.uniform(0, Math.log(Math.max(1, options.maxScale))));
  const place = [random.uniform(), random.uniform() ** 1.4] as const;
  const { scene, inner, left, top } = emptyScene(pixels, random, scale, place, options);
  const seam = random.uniform() < 0.4 ? 0 : random.uniform(0, 0.2) * Math.min(inner.width, inner.height);
  paste(scene.data, scene.width, inner, left, top, seam);
  return scene;
}

/** A larger picture before the smaller one is laid into it. */
export interface EmptyScene {
  /** The ground. */
  readonly scene: Pixels;
  /** The picture, made smaller. */
  readonly inner: Pixels;
  /** Its place, in pixels of the scene; inside for a `place` of 0 to 1. */
  readonly left: number;
  readonly top: number;
}

/** The ground of a picture `scale` times as wide and high, with `pixels` to lie at `place`, a share of the free room. */
export function emptyScene(
  pixels: Pixels,
  random: Random,
  scale: number,
  place: readonly [x: number, y: number],
  options: ZoomOut,
): EmptyScene {
  const longest = Math.max(pixels.width, pixels.height);
  const grown = Math.max(1, Math.min(scale, Math.max(longest, options.longSide ?? 256) / longest));
  const width = Math.max(1, Math.round(pixels.width * grown));
  const height = Math.max(1, Math.round(pixels.height * grown));
  const inner = shrink(pixels, Math.max(1, Math.round(width / scale)), Math.max(1, Math.round(height / scale)));
  const left = Math.round(place[0] * (width - inner.width));
  const top = Math.round(place[1] * (height - inner.height));
  const data = new Uint8Array(width * height * 3);
  surroundings(random, inner, left, top, options)(data, width, height);
  return { scene: { width, height, data }, inner, left, top };
}

type Ground = (data: Uint8Array, width: number, height: number) => void;

function surroundings(random: Random, inner: Pixels, left: number, top: number, options: ZoomOut): Ground {
  const { grounds = [], mirrors = true } = options;
  const cells = 2 + random.integer(7);
  const near = left + top < 0.35 * (inner.width + inner.height); // further out, mirrors show whole faces
  const mottled = mottle(random);
  return pick(random, [
    [near && mirrors ? 4 : 0, (data, width, height) => mirror(data, width, height, inner, left, top)],
    [3, (data, width, height) => stretch(data, width, height, shrink(inner, cells, cells))],
    [3, mottled],
    [grounds.length > 0 ? 10 : 0, (data, width, height) => pile(data, width, height, grounds, random)],
  ]);
}

/** The upper part of a picture, `share` of its height: of a scene with people it shows walls, sky, leaves, hardly a face. */
export function upperPart({ width, height, data }: Pixels, share: number): Pixels {
  const rows = Math.max(1, Math.floor(height * share));
  return { width, height: rows, data: data.slice(0, rows * width * 3) };
}

const LARGEST = 1.6; // times as wide as the canvas: a strip is not to be seen whole each time

/** Strips one below the other until the canvas is full, each with its own mirror image below it, so that no edge is seen. */
function pile(data: Uint8Array, width: number, height: number, strips: readonly Pixels[], random: Random): void {
  for (let y = 0; y < height; ) {
    const strip = strips[random.integer(strips.length)]!;
    const zoom = (width / strip.width) * random.uniform(1, LARGEST);
    const x = random.uniform() * (strip.width - width / zoom);
    const flipped = random.uniform() < 0.5;
    const columns = Array.from({ length: width }, (_, i) => {
      const column = Math.min(strip.width - 1, Math.floor(x + i / zoom));
      return (flipped ? strip.width - 1 - column : column) * 3;
    });
    const half = Math.max(1, Math.round(strip.height * zoom));
    const end = Math.min(height, y + 2 * half);
    for (let row = 0; y < end; row++, y++) {
      const line =
        Math.min(strip.height - 1, Math.floor((row < half ? row : 2 * half - 1 - row) / zoom)) * strip.width * 3;
      for (let i = 0, to = y * width * 3; i < width; i++, to += 3) {
        const from = line + columns[i]!;
        data[to] = strip.data[from]!;
        data[to + 1] = strip.data[from + 1]!;
        data[to + 2] = strip.data[from + 2]!;
      }
    }
  }
}

/** The picture repeated in mirrors beyond its edges. */
function mirror(data: Uint8Array, width: number, height: number, inner: Pixels, left: number, top: number): void {
  const fold = (i: number, n: number) => {
    const j = ((i % (2 * n)) + 2 * n) % (2 * n);
    return j < n ? j : 2 * n - 1 - j;
  };
  const columns = Array.from({ length: width }, (_, x) => fold(x - left, inner.width) * 3);
  for (let y = 0, at = 0; y < height; y++) {
    const row = fold(y - top, inner.height) * inner.width * 3;
    for (let x = 0; x < width; x++, at += 3) {
      const from = row + columns[x]!;
      data[at] = inner.data[from]!;
      data[at + 1] = inner.data[from + 1]!;
      data[at + 2] = inner.data[from + 2]!;
    }
  }
}

/** A small picture stretched over the canvas, linear between its pixels. */
function stretch(data: Uint8Array, width: number, height: number, small: Pixels): void {
  const last = { x: small.width - 1, y: small.height - 1 };
  for (let y = 0, at = 0; y < height; y++) {
    const sy = Math.min(last.y, Math.max(0, ((y + 0.5) / height) * small.height - 0.5));
    const [row, below] = [Math.floor(sy) * small.width, Math.min(last.y, Math.floor(sy) + 1) * small.width];
    const fy = sy - Math.floor(sy);
    for (let x = 0; x < width; x++) {
      const sx = Math.min(last.x, Math.max(0, ((x + 0.5) / width) * small.width - 0.5));
      const x0 = Math.floor(sx);
      const x1 = x0 < last.x ? x0 + 1 : x0;
      const fx = sx - x0;
      for (let c = 0; c < 3; c++, at++) {
        const upper = small.data[(row + x0) * 3 + c]! * (1 - fx) + small.data[(row + x1) * 3 + c]! * fx;
        const lower = small.data[(below + x0) * 3 + c]! * (1 - fx) + small.data[(below + x1) * 3 + c]! * fx;
        data[at] = upper + (lower - upper) * fy + 0.5;
      }
    }
  }
}

/** Two colours in soft clouds: a wall, foliage, a street out of focus. */
function mottle(random: Random): Ground {
  const [one, two] = [anyColour(random), anyColour(random)];
  const [bumps, contrast, seed] = [random.uniform(1, 14), random.uniform(0, 1), random.bits() | 0];
  return (data, width, height) => {
    const unit = bumps / Math.max(width, height);
    for (let y = 0, at = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const mix = contrast * smoothNoise(x * unit, y * unit, seed);
        for (let c = 0; c < 3; c++, at++) data[at] = one[c]! + (two[c]! - one[c]!) * mix;
      }
    }
  };
}

/** Lay `inner` at (left, top), blended over `seam` px along its edges. */
function paste(data: Uint8Array, width: number, inner: Pixels, left: number, top: number, seam: number): void {
  for (let y = 0; y < inner.height; y++) {
    const fromEdgeY = Math.min(y + 1, inner.height - y);
    for (let x = 0; x < inner.width; x++) {
      const alpha = seam < 1 ? 1 : Math.min(1, fromEdgeY / seam) * Math.min(1, Math.min(x + 1, inner.width - x) / seam);
      const from = (y * inner.width + x) * 3;
      const to = ((y + top) * width + x + left) * 3;
      for (let c = 0; c < 3; c++) data[to + c] = data[to + c]! * (1 - alpha) + inner.data[from + c]! * alpha + 0.5;
    }
  }
}

/** Mean over the area of every new pixel (whole old pixels, at least one): a quick shrink, exact enough to augment. */
function shrink(pixels: Pixels, width: number, height: number): Pixels {
  if (width === pixels.width && height === pixels.height) return pixels;
  const data = new Uint8Array(width * height * 3);
  const edge = (i: number, n: number, of: number) => Math.min(of - 1, Math.floor((i * of) / n));
  for (let y = 0, at = 0; y < height; y++) {
    const y0 = edge(y, height, pixels.height);
    const y1 = Math.max(y0 + 1, Math.floor(((y + 1) * pixels.height) / height));
    for (let x = 0; x < width; x++) {
      const x0 = edge(x, width, pixels.width);
      const x1 = Math.max(x0 + 1, Math.floor(((x + 1) * pixels.width) / width));
      let [r, g, b] = [0, 0, 0];
      for (let v = y0; v < y1; v++) {
        for (let u = x0, from = (v * pixels.width + x0) * 3; u < x1; u++, from += 3) {
          r += pixels.data[from]!;
          g += pixels.data[from + 1]!;
          b += pixels.data[from + 2]!;
        }
      }
      const share = 1 / ((x1 - x0) * (y1 - y0));
      data[at++] = r * share + 0.5;
      data[at++] = g * share + 0.5;
      data[at++] = b * share + 0.5;
    }
  }
  return { width, height, data };
}
