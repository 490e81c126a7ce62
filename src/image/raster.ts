/** Shapes to coverage: closed polygons filled with anti-aliasing, smooth curves, strokes, softened edges. */

/** A point in pixels: x to the right, y down, (0, 0) the top left corner of the picture. */
export type Point = readonly [x: number, y: number];

/** How much of every pixel of a rectangle (inside the picture) a shape covers, 0–1, row by row. */
export interface Coverage {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly alpha: Float32Array;
}

const ROWS = 4; // scan lines a pixel row: vertical steps of 1/4, horizontal coverage is exact

/** A Catmull–Rom curve through `points`, `steps` chords a span; the ends are the first and last point. */
export function curve(points: readonly Point[], steps = 6): Point[] {
  const out: Point[] = [];
  const at = (i: number) => points[Math.min(points.length - 1, Math.max(0, i))]!;
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
    for (let s = 0; s < steps; s++) {
      const t = s / steps;
      const blend = (k: 0 | 1) =>
        b[k] +
        0.5 * t * (c[k] - a[k] + t * (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k] + t * (3 * (b[k] - c[k]) + d[k] - a[k])));
      out.push([blend(0), blend(1)]);
    }
  }
  out.push(at(points.length - 1));
  return out;
}

/** A closed Catmull–Rom curve through `points`. */
export function closedCurve(points: readonly Point[], steps = 6): Point[] {
  const n = points.length;
  const wrapped = [points[n - 1]!, ...points, points[0]!, points[1 % n]!];
  return curve(wrapped, steps).slice(steps, steps * (n + 1));
}

/** The outline of an ellipse, turned by `angle` radians. */
export function ellipse([x, y]: Point, rx: number, ry: number, angle = 0): Point[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return Array.from({ length: 24 }, (_, i) => {
    const a = (i / 24) * 2 * Math.PI;
    const [dx, dy] = [rx * Math.cos(a), ry * Math.sin(a)];
    return [x + dx * cos - dy * sin, y + dx * sin + dy * cos] as const;
  });
}

/** The outline of a line of `width` px along `line`, which may change from `width` to `endWidth`. */
export function stroke(line: readonly Point[], width: number, endWidth = width): Point[] {
  const left: Point[] = [];
  const right: Point[] = [];
  for (let i = 0; i < line.length; i++) {
    const [before, after] = [line[Math.max(0, i - 1)]!, line[Math.min(line.length - 1, i + 1)]!];
    const length = Math.hypot(after[0] - before[0], after[1] - before[1]) || 1;
    const half = (width + ((endWidth - width) * i) / Math.max(1, line.length - 1)) / 2;
    const [nx, ny] = [(-(after[1] - before[1]) / length) * half, ((after[0] - before[0]) / length) * half];
    left.push([line[i]![0] + nx, line[i]![1] + ny]);
    right.push([line[i]![0] - nx, line[i]![1] - ny]);
  }
  return [...left, ...right.reverse()];
}

/**
 * Fill a closed polygon (non-zero winding) inside a picture of `width` × `height` px. The rectangle returned is the
 * shape's bounding box, `feather` px wider, cut at the picture's edges; it may be empty.
 */
export function fill(points: readonly Point[], width: number, height: number, feather = 0): Coverage {
  const box = bounds(points, width, height, Math.ceil(feather) + 1);
  const alpha = new Float32Array(box.width * box.height);
  if (alpha.length > 0) for (const [line, xs] of crossingsOf(points, box).entries()) scan(xs, box, line, alpha);
  return feather < 0.3 ? { ...box, alpha } : { ...box, alpha: soften(alpha, box.width, box.height, feather) };
}

function bounds(points: readonly Point[], width: number, height: number, margin: number) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  const x = Math.max(0, Math.floor(left) - margin);
  const y = Math.max(0, Math.floor(top) - margin);
  const w = Math.min(width, Math.ceil(right) + margin) - x;
  const h = Math.min(height, Math.ceil(bottom) + margin) - y;
  return w > 0 && h > 0 ? { x, y, width: w, height: h } : { x: 0, y: 0, width: 0, height: 0 };
}

/** For every scan line (a quarter of a pixel high) of the box: x of each edge that crosses it, sorted, with its direction. */
function crossingsOf(points: readonly Point[], box: Omit<Coverage, "alpha">): number[][] {
  const lines: number[][] = Array.from({ length: box.height * ROWS }, () => []);
  let a = points[points.length - 1]!;
  for (const b of points) {
    const [high, low] = a[1] < b[1] ? [a, b] : [b, a];
    const slope = (low[0] - high[0]) / (low[1] - high[1] || 1);
    const last = Math.min(lines.length, Math.ceil((low[1] - box.y) * ROWS - 0.5));
    for (let line = Math.max(0, Math.ceil((high[1] - box.y) * ROWS - 0.5)); line < last; line++) {
      insert(lines[line]!, high[0] + slope * (box.y + (line + 0.5) / ROWS - high[1]), high === a ? 1 : -1);
    }
    a = b;
  }
  return lines;
}

/** Add the spans of one scan line to the row of `alpha` it lies in. */
function scan(crossings: readonly number[], box: Omit<Coverage, "alpha">, line: number, alpha: Float32Array): void {
  const start = Math.floor(line / ROWS) * box.width;
  let winding = 0;
  for (let i = 0; i + 3 < crossings.length; i += 2) {
    winding += crossings[i + 1]!;
    if (winding !== 0) span(alpha, start, box.width, crossings[i]! - box.x, crossings[i + 2]! - box.x);
  }
}

function insert(crossings: number[], x: number, direction: number): void {
  let i = crossings.length;
  crossings.push(x, direction);
  for (; i > 0 && crossings[i - 2]! > x; i -= 2) {
    crossings[i] = crossings[i - 2]!;
    crossings[i + 1] = crossings[i - 1]!;
  }
  crossings[i] = x;
  crossings[i + 1] = direction;
}

function span(alpha: Float32Array, start: number, width: number, from: number, to: number): void {
  const [left, right] = [Math.max(0, from), Math.min(width, to)];
  if (left >= right) return;
  const [first, last] = [Math.floor(left), Math.ceil(right) - 1];
  const add = (x: number, covered: number) => {
    alpha[start + x] = Math.min(1, alpha[start + x]! + covered / ROWS);
  };
  add(first, Math.min(right, first + 1) - left);
  for (let x = first + 1; x < last; x++) alpha[start + x] = Math.min(1, alpha[start + x]! + 1 / ROWS);
  if (last > first) add(last, right - last);
}

/** A box blur of `radius` px in both directions (edges repeat). */
function soften(values: Float32Array, width: number, height: number, radius: number): Float32Array {
  const once = boxBlur(values, width, height, 1, width, radius);
  return boxBlur(once, height, width, width, 1, radius);
}

/** Box blur of `lines` lines of `count` values; fractional `radius` weighs the outermost values less. */
function boxBlur(values: Float32Array, count: number, lines: number, step: number, lineStep: number, radius: number) {
  const reach = Math.floor(radius) + 1;
  const part = radius + 1 - reach;
  const out = new Float32Array(values.length);
  const line = new Float32Array(count + 2 * reach);
  const scale = 1 / (1 + 2 * radius);
  for (let base = 0; base < lines * lineStep; base += lineStep) {
    for (let i = 0, at = base; i < count; i++, at += step) line[i + reach] = values[at]!;
    line.fill(values[base]!, 0, reach).fill(values[base + (count - 1) * step]!, count + reach);
    let sum = 0;
    for (let i = 1; i < 2 * reach; i++) sum += line[i]!;
    for (let i = 0, at = base; i < count; i++, at += step) {
      out[at] = (sum + part * (line[i]! + line[i + 2 * reach]!)) * scale;
      sum += line[i + 2 * reach]! - line[i + 1]!;
    }
  }
  return out;
}
