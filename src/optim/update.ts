import { BeitError } from "../platform/errors.ts";
import { type AdamWOptions, adamWStep } from "./adamw.ts";
import type { ParameterGroup } from "./groups.ts";

interface Values {
  readonly data: Float32Array;
}

/** Averages of one parameter's gradient, of the parameter's size. */
export interface Moments {
  /** Of the gradient: AdamW's and Muon's. */
  readonly m: Float32Array;
  /** Of its square: AdamW's; empty for Muon. */
  readonly v: Float32Array;
}

/** Moments of zero for every parameter that has a group. */
export function zeroMoments(
  parameters: ReadonlyMap<string, Values>,
  groups: ReadonlyMap<string, ParameterGroup>,
): Map<string, Moments> {
  const moments = new Map<string, Moments>();
  for (const [name, { muon }] of groups) {
    const size = parameters.get(name)?.data.length ?? 0;
    moments.set(name, { m: new Float32Array(size), v: new Float32Array(muon ? 0 : size) });
  }
  return moments;
}

/** What one step of AdamW reads and changes, by name. */
export interface UpdateInputs {
  /** Changed in place. */
  readonly parameters: ReadonlyMap<string, Values>;
  readonly gradients: ReadonlyMap<string, Values>;
  /** Changed in place. */
  readonly moments: ReadonlyMap<string, Moments>;
  readonly groups: ReadonlyMap<string, ParameterGroup>;
}

/** {@link AdamWOptions} of the whole model: `lr` before scales; a `weightDecay` replaces that of the decayed groups. */
export type UpdateOptions = AdamWOptions;

/**
 * One AdamW step on every parameter that has a group of its own and a gradient; the others stay as they are, undecayed.
 * @throws BeitError `optim/gradient-mismatch` when a gradient's size is not its parameter's
 */
export function updateParameters(inputs: UpdateInputs, options: UpdateOptions): void {
  for (const [name, group] of inputs.groups) {
    const p = inputs.parameters.get(name)?.data;
    const g = inputs.gradients.get(name)?.data;
    const moments = inputs.moments.get(name);
    if (!g || group.muon) continue;
    if (!p || !moments || p.length !== g.length || p.length !== moments.m.length) {
      const expected = `parameter of ${p?.length ?? "no"} values, moments of ${moments?.m.length ?? "no"}`;
      throw new BeitError("optim/gradient-mismatch", `${name}: gradient of ${g.length} values, ${expected}`);
    }
    const weightDecay = group.weightDecay > 0 ? (options.weightDecay ?? group.weightDecay) : 0;
    adamWStep(p, g, moments.m, moments.v, { ...options, lr: options.lr * group.lrScale, weightDecay });
  }
}
