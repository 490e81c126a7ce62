import { input, parameter, type Shape, type Value } from "../graph/value.ts";
import type { DType } from "../tensor/tensor.ts";

/** Random multiplier of a training step: each entry is 0 with probability 1 − keep, else 1 / keep. */
export interface NoiseSpec {
  readonly name: string;
  readonly shape: Shape;
  /** The axis that counts the samples, so that each sample's noise is drawn from its own stream. */
  readonly batchAxis: number;
  readonly keep: number;
}

/** What tracing a model collects: every parameter, batch input and noise that it asked for, in order. */
export interface Trace {
  readonly parameters: Map<string, Value>;
  readonly inputs: Map<string, Value>;
  readonly noise: Map<string, { spec: NoiseSpec; value: Value }>;
}

/** A place in the tree of names; the path of a parameter is its key in a checkpoint. */
export interface Scope {
  /** The parameter `name` below this place. Asked twice, it is the same value. @throws RangeError when shapes differ */
  parameter(name: string, shape: Shape): Value;
  /** The scope below a name; dots separate levels. */
  child(name: string): Scope;
  /** Noise of a training step, or undefined when the model is traced for inference or the rate is 0. */
  noise(name: string, shape: Shape, batchAxis: number, rate: number): Value | undefined;
}

/** An empty trace. */
export const createTrace = (): Trace => ({ parameters: new Map(), inputs: new Map(), noise: new Map() });

/** The root scope of a trace; `training` decides whether noise is asked for. */
export function createScope(trace: Trace, training = false, path = ""): Scope {
  const at = (name: string) => (path ? `${path}.${name}` : name);
  return {
    parameter(name, shape) {
      const key = at(name);
      const known = trace.parameters.get(key);
      if (known && known.shape.join() !== shape.join()) {
        throw new RangeError(`parameter ${key}: asked as [${shape}], known as [${known.shape}]`);
      }
      const value = known ?? parameter(key, shape);
      trace.parameters.set(key, value);
      return value;
    },
    child: (name) => createScope(trace, training, at(name)),
    noise(name, shape, batchAxis, rate) {
      if (!training || rate === 0) return undefined;
      const key = `noise.${at(name)}`;
      const value = input(key, shape, "batch");
      trace.noise.set(key, { spec: { name: key, shape, batchAxis, keep: 1 - rate }, value });
      return value;
    },
  };
}

/** A batch input of a trace. */
export function batchInput(trace: Trace, name: string, shape: Shape, dtype: DType = "float32"): Value {
  const value = input(name, shape, "batch", dtype);
  trace.inputs.set(name, value);
  return value;
}
