import { matMul } from "../graph/matmul.ts";
import { input } from "../graph/value.ts";
import { compile } from "../session/session.ts";
import { float32 } from "../tensor/tensor.ts";
import { type LabelledFeatures, widthOf } from "./features-table.ts";

const TEMPERATURE = 0.07; // Wu et al. 2018; DINO's evaluation
const CHUNK = 256; // queries at a time: 256 × 15,000 similarities are 15 MB

/** Rows of length 1 (a row of zeros stays). */
function normalised(features: Float32Array, D: number): Float32Array {
  const out = new Float32Array(features.length);
  for (let from = 0; from < features.length; from += D) {
    let squares = 0;
    for (let d = 0; d < D; d++) squares += features[from + d]! ** 2;
    const factor = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let d = 0; d < D; d++) out[from + d] = features[from + d]! * factor;
  }
  return out;
}

/** Indices of the k largest values, of equal ones the first. */
function largest(values: Float32Array, k: number): number[] {
  const kept: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (kept.length === k && values[i]! <= values[kept[k - 1]!]!) continue;
    let place = kept.length;
    while (place > 0 && values[kept[place - 1]!]! < values[i]!) place--;
    kept.splice(place, 0, i);
    if (kept.length > k) kept.pop();
  }
  return kept;
}

/**
 * Votes of the k nearest known samples by cosine similarity s, each weighing e^(s / 0.07): logarithms of each class's share
 * [n, K], to be read as logits.
 * @param query [n, D] features
 * @see Wu et al. 2018, "Unsupervised feature learning via non-parametric instance discrimination", section 3.4
 */
export async function nearestNeighbours(
  known: LabelledFeatures,
  query: Float32Array,
  options: { readonly classes: number; readonly k: number },
): Promise<Float32Array> {
  const { classes: K } = options;
  const D = widthOf(known);
  const [n, N] = [query.length / D, known.labels.length];
  const k = Math.min(options.k, N);
  const bank = normalised(known.features, D);
  const columns = new Float32Array(D * N);
  for (let i = 0; i < N; i++) for (let d = 0; d < D; d++) columns[d * N + i] = bank[i * D + d]!;
  const similarity = matMul(input("rows", [-1, D], "batch"), input("known", [D, N], "parameter"));
  const session = await compile({ similarity }, { weights: new Map([["known", float32(columns, [D, N])]]) });
  const queries = normalised(query, D);
  const logits = new Float32Array(n * K);
  try {
    for (let from = 0; from < n; from += CHUNK) {
      const count = Math.min(CHUNK, n - from);
      const rows = queries.slice(from * D, (from + count) * D);
      const data = (await session.run({ rows: float32(rows, [count, D]) })).similarity!.data as Float32Array;
      for (let i = 0; i < count; i++) {
        const values = data.subarray(i * N, (i + 1) * N);
        const votes = new Float64Array(K);
        const near = largest(values, k);
        for (const j of near) votes[known.labels[j]!]! += Math.exp((values[j]! - values[near[0]!]!) / TEMPERATURE);
        const total = votes.reduce((a, b) => a + b, 0);
        for (let c = 0; c < K; c++) logits[(from + i) * K + c] = Math.log(Math.max(votes[c]! / total, 1e-12));
      }
    }
    return logits;
  } finally {
    await session.release();
  }
}
