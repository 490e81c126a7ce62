import type { Pixels } from "../tensor/pixels.ts";

const GAP = 2; // px between pictures
const ROW_GAP = 10;

/**
 * A sheet of pictures beside their reconstructions: pairs of rows, originals above, on white.
 * @param originals [n, 3, E, E] in [0, 1], as `reconstructions`
 * @param edge E, in pixels
 */
export function reconstructionSheet(
  originals: Float32Array,
  reconstructions: Float32Array,
  edge: number,
  columns = 8,
): Pixels {
  const n = originals.length / (3 * edge * edge);
  const across = Math.max(1, Math.min(columns, n));
  const rows = Math.ceil(n / across);
  const width = across * (edge + GAP) - GAP;
  const pair = 2 * edge + GAP + ROW_GAP;
  const height = Math.max(1, rows * pair - ROW_GAP);
  const data = new Uint8Array(3 * width * height).fill(255);
  for (let i = 0; i < n; i++) {
    const left = (i % across) * (edge + GAP);
    const top = Math.floor(i / across) * pair;
    draw(originals, i, edge, { data, width, left, top });
    draw(reconstructions, i, edge, { data, width, left, top: top + edge + GAP });
  }
  return { width, height, data };
}

/** Copies picture i of [n, 3, E, E] to a place of the sheet. */
function draw(
  pictures: Float32Array,
  i: number,
  edge: number,
  to: { data: Uint8Array; width: number; left: number; top: number },
): void {
  const plane = edge * edge;
  for (let y = 0; y < edge; y++) {
    for (let x = 0; x < edge; x++) {
      const at = 3 * ((to.top + y) * to.width + to.left + x);
      for (let c = 0; c < 3; c++) {
        const value = pictures[(3 * i + c) * plane + y * edge + x]!;
        to.data[at + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
    }
  }
}
