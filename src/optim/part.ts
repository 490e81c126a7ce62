import { sumOfSquares } from "./clip.ts";
import { updateEma } from "./ema.ts";
import { type UpdateInputs, type UpdateOptions, updateParameters } from "./update.ts";

interface Values {
  readonly data: Float32Array;
}

type Tensors = ReadonlyMap<string, Values>;

/** What one thread of an optimizer step works on. */
export interface Part extends UpdateInputs {
  /** Gradients to be added to `gradients`, by further workers. */
  readonly others: readonly Tensors[];
  /** Moving average of the parameters. Changed in place. */
  readonly average: Tensors | undefined;
}

/** Elements that a step changes of a tensor, or does not where nothing trains or averages it. */
const changed = (name: string, { data }: Values, gradients: Tensors, average: Tensors | undefined) =>
  gradients.has(name) || average ? data.length : 0;

const LEAST = 2 ** 18; // elements that are worth a thread, a request and an answer

/** Into how many parts to cut a step, of at most `most`: no more than pay for themselves. */
export function usefulParts(gradients: Tensors, average: Tensors | undefined, most: number): number {
  const elements = [...(average ?? gradients).values()].reduce((sum, { data }) => sum + data.length, 0);
  return Math.max(1, Math.min(most, Math.ceil(elements / LEAST)));
}

/**
 * Cuts a step into parts of about the same number of elements. Tensors stay whole, so that no sum depends on the number
 * of parts.
 */
export function divide(whole: Part, count: number): Part[] {
  const parts = Array.from({ length: count }, () => ({ names: new Set<string>(), size: 0 }));
  const bySize = [...whole.parameters].sort(([, a], [, b]) => b.data.length - a.data.length);
  for (const [name, values] of bySize) {
    const lightest = parts.reduce((least, part) => (part.size < least.size ? part : least));
    lightest.names.add(name);
    lightest.size += changed(name, values, whole.gradients, whole.average);
  }
  return parts.map(({ names }) => {
    const pick = <T>(from: ReadonlyMap<string, T>) => new Map([...from].filter(([name]) => names.has(name)));
    return {
      parameters: pick(whole.parameters),
      gradients: pick(whole.gradients),
      others: whole.others.map(pick),
      moments: pick(whole.moments),
      groups: pick(whole.groups),
      average: whole.average && pick(whole.average),
    };
  });
}

function addGradients({ gradients, others }: Pick<Part, "gradients" | "others">): Map<string, number> {
  const squares = new Map<string, number>();
  for (const [name, { data: sum }] of gradients) {
    for (const other of others) {
      const { data } = other.get(name)!;
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + data[i]!;
    }
    squares.set(name, sumOfSquares(sum));
  }
  return squares;
}

/** What is to be done: adding gradients up, or moving the parameters and their average. */
export type PartRequest =
  | { readonly kind: "add" }
  | { readonly kind: "move"; readonly options: UpdateOptions; readonly emaDecay: number | null };

/**
 * Does one half of an optimizer step on a part; between them lies the norm of all gradients.
 * @returns the sum of squares of each added gradient by name; nothing after a move
 * @throws BeitError as `updateParameters` and `updateEma`
 */
export function workOn(part: Part, request: PartRequest): Map<string, number> {
  if (request.kind === "add") return addGradients(part);
  updateParameters(part, request.options);
  if (part.average && request.emaDecay !== null) updateEma(part.average, part.parameters, request.emaDecay);
  return new Map();
}
