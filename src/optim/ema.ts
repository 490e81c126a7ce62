import { BeitError } from "../platform/errors.ts";

interface Values {
  readonly data: Float32Array;
}

/** One step of an exponential moving average in place: `average = decay * average + (1 - decay) * value`. */
export function emaStep(average: Float32Array, value: Float32Array, decay: number): void {
  const fresh = 1 - decay;
  for (let i = 0; i < average.length; i++) average[i] = decay * average[i]! + fresh * value[i]!;
}

/**
 * {@link emaStep} on every averaged tensor. The average starts as a copy of the parameters.
 * @throws BeitError `optim/ema-mismatch` when a parameter is missing or has another size
 * @see timm.utils.ModelEma: all of the state, after each optimizer step, no bias correction
 */
export function updateEma(
  averages: ReadonlyMap<string, Values>,
  parameters: ReadonlyMap<string, Values>,
  decay: number,
): void {
  for (const [name, average] of averages) {
    const size = parameters.get(name)?.data.length;
    if (size !== average.data.length) {
      const came = size === undefined ? "no such parameter" : `${size}`;
      throw new BeitError("optim/ema-mismatch", `EMA of ${name}: expected ${average.data.length} values, got ${came}`);
    }
    emaStep(average.data, parameters.get(name)!.data, decay);
  }
}
