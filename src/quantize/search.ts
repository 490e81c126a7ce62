/** A part of the model that is quantised as a whole. */
export interface Part {
  readonly name: string;
  /** Names of its weights in the graph. */
  readonly weights: readonly string[];
  /** Multiply-accumulates for one picture. */
  readonly macs: number;
}

/** What was found out about a part. */
export interface MeasuredPart extends Part {
  /** Root mean square of the change of the logits when this part alone is quantised. */
  readonly error: number;
  readonly precision: "int8" | "fp32";
}

/** What {@link searchPrecision} chose. */
export interface Choice {
  readonly parts: readonly MeasuredPart[];
  /** Share of the pictures that are answered as float32 does. */
  readonly agreement: number;
}

/** How far the search goes. */
export interface SearchOptions {
  /** Share of pictures to answer as float32 does, if it can be had for little. */
  readonly aim: number;
  /** Share that must be reached, whatever it costs. */
  readonly least: number;
  /** K. */
  readonly classes: number;
  readonly onStep?: (text: string) => void;
}

/** Share of the arithmetic that may stay in float32 for the sake of `aim`. */
const LITTLE = 0.25;

/**
 * Decides which parts stay in float32: the change that each makes to the logits is measured with it alone quantised;
 * then, from all quantised on, the parts with the largest squared change a multiply-accumulate are put back, one by one,
 * until the answers agree.
 * @param logitsWith logits [n, K] with these parts quantised: of all calibration pictures, or of a few, enough to
 * compare parts by
 */
export async function searchPrecision(
  parts: readonly Part[],
  logitsWith: (quantized: readonly Part[], pictures: "all" | "few") => Promise<Float32Array>,
  options: SearchOptions,
): Promise<Choice> {
  const { aim, least, classes, onStep } = options;
  const errors = await errorsAlone(parts, (quantized) => logitsWith(quantized, "few"), onStep);
  const harm = (part: Part) => errors.get(part)! ** 2 / part.macs;
  const worstFirst = [...parts].sort((a, b) => harm(b) - harm(a));
  const total = parts.reduce((sum, { macs }) => sum + macs, 0);
  const expected = await logitsWith([], "all");
  for (let kept = 0, keptMacs = 0; ; kept++) {
    const quantized = worstFirst.slice(kept);
    const agreement = quantized.length === 0 ? 1 : agreementOf(await logitsWith(quantized, "all"), expected, classes);
    onStep?.(`${kept} of ${parts.length} parts in float32: ${(100 * agreement).toFixed(2)} % of the answers agree`);
    keptMacs += worstFirst[kept]?.macs ?? 0;
    const costly = keptMacs > LITTLE * total;
    if (agreement < aim && !(agreement >= least && costly)) continue;
    const int8 = new Set(quantized);
    const measured = parts.map((part): MeasuredPart => {
      return { ...part, error: errors.get(part)!, precision: int8.has(part) ? "int8" : "fp32" };
    });
    return { parts: measured, agreement };
  }
}

/** Root mean square of the change of the logits with each part quantised alone. */
async function errorsAlone(
  parts: readonly Part[],
  logitsWith: (quantized: readonly Part[]) => Promise<Float32Array>,
  onStep: SearchOptions["onStep"],
): Promise<Map<Part, number>> {
  const expected = await logitsWith([]);
  const errors = new Map<Part, number>();
  for (const [i, part] of parts.entries()) {
    errors.set(part, rootMeanSquare(await logitsWith([part]), expected));
    onStep?.(`${part.name}: logits change by ${errors.get(part)!.toExponential(1)} (${i + 1} of ${parts.length})`);
  }
  return errors;
}

/** √ mean (a − b)². */
export function rootMeanSquare(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0) / a.length);
}

/** Share of rows of K logits whose largest is the same. */
export function agreementOf(a: Float32Array, b: Float32Array, classes: number): number {
  const rows = a.length / classes;
  const best = (logits: Float32Array, row: number) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own));
  };
  let same = 0;
  for (let row = 0; row < rows; row++) if (best(a, row) === best(b, row)) same++;
  return same / rows;
}
