import { takeSamples } from "../graph/indexing.ts";
import { input, parameter, type Shape, type Value } from "../graph/value.ts";
import type { DType } from "../tensor/tensor.ts";

/** A random input of a training step. Each sample's part is drawn from its own stream. */
export type NoiseSpec = FactorSpec | SurvivorSpec;

/** Dropout: each entry is 0 with probability 1 − keep, else 1 / keep. */
export interface FactorSpec {
  readonly kind: "factor";
  readonly name: string;
  readonly shape: Shape;
  /** The axis that counts the samples. */
  readonly batchAxis: number;
  readonly keep: number;
}

/** Drop-path: int64 [k], ascending, those of `count` samples that stay, each with probability keep. */
export interface SurvivorSpec {
  readonly kind: "survivors";
  readonly name: string;
  readonly count: number;
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
  /** Dropout's factors for a training step, or undefined when the model is traced for inference or the rate is 0. */
  noise(name: string, shape: Shape, batchAxis: number, rate: number): Value | undefined;
  /** The samples, of `count`, that drop-path leaves in a training step; undefined as above. */
  survivors(name: string, count: number, rate: number): Survivors | undefined;
  /** This place for these samples alone: noise is drawn for all, and theirs taken. */
  among(survivors: Survivors): Scope;
}

/** Some samples of a micro-batch. */
export interface Survivors {
  /** int64 [k], k being known only when the graph runs. */
  readonly samples: Value;
  /** Of how many. */
  readonly count: number;
}

/** An empty trace. */
export const createTrace = (): Trace => ({ parameters: new Map(), inputs: new Map(), noise: new Map() });

/** The root scope of a trace; `training` decides whether noise is asked for. */
export function createScope(trace: Trace, training = false, path = "", present?: Survivors): Scope {
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
    child: (name) => createScope(trace, training, at(name), present),
    noise(name, shape, batchAxis, rate) {
      if (!training || rate === 0) return undefined;
      const key = `noise.${at(name)}`;
      const all = present ? shape.with(batchAxis, present.count) : shape;
      const value = input(key, all, "batch");
      trace.noise.set(key, { spec: { kind: "factor", name: key, shape: all, batchAxis, keep: 1 - rate }, value });
      return present ? takeSamples(value, batchAxis, present.samples) : value;
    },
    survivors(name, count, rate) {
      if (!training || rate === 0) return undefined;
      const key = `noise.${at(name)}`;
      const samples = input(key, [-1], "batch", "int64", key);
      trace.noise.set(key, { spec: { kind: "survivors", name: key, count, keep: 1 - rate }, value: samples });
      return { samples, count };
    },
    among: (survivors) => createScope(trace, training, path, survivors),
  };
}

/** A batch input of a trace. */
export function batchInput(trace: Trace, name: string, shape: Shape, dtype: DType = "float32"): Value {
  const value = input(name, shape, "batch", dtype);
  trace.inputs.set(name, value);
  return value;
}
