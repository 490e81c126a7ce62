import type { Pixels, Size } from "./pixels.ts";
import type { ImageProcessor } from "./processor.ts";
import { targetSize } from "./processor.ts";
import type { Box } from "./resize.ts";

/** A map of values in 0 to 1, row-major. */
export interface Heat {
  readonly rows: number;
  readonly columns: number;
  readonly heat: Float32Array;
}

/** The part of a picture that a processor shows the model, in pixel edges; it may reach beyond the picture. */
export function seenRegion(size: Size, { resize, crop }: ImageProcessor): Box {
  if (!crop) return [0, 0, size.width, size.height];
  const sized = resize ? targetSize(size, resize) : size;
  const [x, y] = [size.width / sized.width, size.height / sized.height];
  const left = Math.floor((sized.width - crop.width) / 2) * x;
  const top = Math.floor((sized.height - crop.height) / 2) * y;
  return [left, top, left + crop.width * x, top + crop.height * y];
}

// Dark violet over red and orange to light yellow: lightness rises evenly, also for the colour-blind. After matplotlib's
// "inferno" (Smith & van der Walt 2015), at 0, 1/4 … 1.
const RAMP = [
  [0, 0, 4],
  [87, 16, 110],
  [188, 55, 84],
  [249, 142, 9],
  [252, 255, 164],
] as const;

/**
 * A picture with a map laid over it: grey and dim where the map is 0, coloured where it is high.
 * @param region where the map lies, in pixel edges; outside it the picture is grey and dim
 */
export function overlayHeat(pixels: Pixels, map: Heat, region: Box): Pixels {
  const { width, height, data } = pixels;
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const value = valueAt(
        map,
        (x + 0.5 - region[0]) / (region[2] - region[0]),
        (y + 0.5 - region[1]) / (region[3] - region[1]),
      );
      const grey = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
      const opacity = 0.25 + 0.45 * value;
      for (let c = 0; c < 3; c++) {
        const shown = grey + (data[at + c]! - grey) * value;
        out[at + c] = shown * (1 - opacity) + rampAt(value, c) * opacity + 0.5;
      }
    }
  }
  return { width, height, data: out };
}

/** Bilinear between the centres of the cells, at (x, y) in 0 to 1; 0 outside. */
function valueAt({ rows, columns, heat }: Heat, x: number, y: number): number {
  if (x < 0 || y < 0 || x > 1 || y > 1) return 0;
  const [left, dx] = between(x * columns - 0.5, columns);
  const [top, dy] = between(y * rows - 0.5, rows);
  const at = (row: number, column: number) => heat[Math.min(rows - 1, row) * columns + Math.min(columns - 1, column)]!;
  const upper = at(top, left) * (1 - dx) + at(top, left + 1) * dx;
  const lower = at(top + 1, left) * (1 - dx) + at(top + 1, left + 1) * dx;
  return upper * (1 - dy) + lower * dy;
}

/** The cell before a position among `count` centres, and how far it is to the next. */
function between(position: number, count: number): [index: number, fraction: number] {
  const held = Math.min(count - 1, Math.max(0, position));
  return [Math.floor(held), held - Math.floor(held)];
}

function rampAt(value: number, channel: number): number {
  const place = Math.min(1, Math.max(0, value)) * (RAMP.length - 1);
  const below = Math.min(RAMP.length - 2, Math.floor(place));
  const [low, high] = [RAMP[below]![channel]!, RAMP[below + 1]![channel]!];
  return low + (high - low) * (place - below);
}
