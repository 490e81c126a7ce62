/** Patches of an image as [rows, columns]: [H / patch, W / patch]. */
export type Window = readonly [height: number, width: number];

/** Table rows for the cls token, after those of patch pairs: cls → patch, patch → cls, cls → cls. */
export const extraRows = 3;

/** Rows of a relative position table: (2 Wh - 1)(2 Ww - 1) + 3. */
export function relativePositionRows([height, width]: Window): number {
  return (2 * height - 1) * (2 * width - 1) + extraRows;
}

/**
 * Which row of the relative position table each pair of tokens uses, [N, N] row-major with N = Wh * Ww + 1 and the cls
 * token first: row `(dy + Wh - 1)(2 Ww - 1) + dx + Ww - 1` for query minus key (dy, dx), then the three extra rows.
 * @see microsoft/unilm beit/modeling_finetune.py RelativePositionBias
 */
export function relativePositionIndex(window: Window): Int32Array {
  const [height, width] = window;
  const n = height * width + 1;
  const pairs = relativePositionRows(window) - extraRows;
  const index = new Int32Array(n * n);
  index.fill(pairs, 0, n);
  index[0] = pairs + 2;
  for (let query = 1; query < n; query++) {
    index[query * n] = pairs + 1;
    const y = Math.floor((query - 1) / width);
    const x = (query - 1) % width;
    for (let key = 1; key < n; key++) {
      const dy = y - Math.floor((key - 1) / width) + height - 1;
      const dx = x - ((key - 1) % width) + width - 1;
      index[query * n + key] = dy * (2 * width - 1) + dx;
    }
  }
  return index;
}

/** Drop-path rate of each block: a straight line from 0 at the first to `rate` at the last. */
export function dropPathRates(rate: number, numLayers: number): number[] {
  return Array.from({ length: numLayers }, (_, i) => (i === 0 ? 0 : (rate * i) / (numLayers - 1)));
}
