import { sumOfSquares } from "./clip.ts";
import { updateEma } from "./ema.ts";
import { type UpdateInputs, type UpdateOptions, updateParameters } from "./update.ts";

interface Values {
  readonly data: Float32Array;
}

/** What one thread of an optimizer step works on. */
export interface Part extends UpdateInputs {
  /** Gradients to be added to `gradients`, by further workers. */
  readonly others: readonly ReadonlyMap<string, Values>[];
  /** Moving average of the parameters. Changed in place. */
  readonly average: ReadonlyMap<string, Values> | undefined;
}

/**
 * Cuts a step into parts of about the same number of elements. Tensors stay whole, so that no sum depends on the number
 * of parts.
 */
export function divide(whole: Part, count: number): Part[] {
  const parts = Array.from({ length: count }, () => ({ names: new Set<string>(), size: 0 }));
  const bySize = [...whole.parameters].sort(([, a], [, b]) => b.data.length - a.data.length);
  for (const [name, { data }] of bySize) {
    const lightest = parts.reduce((least, part) => (part.size < least.size ? part : least));
    lightest.names.add(name);
    lightest.size += data.length;
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
