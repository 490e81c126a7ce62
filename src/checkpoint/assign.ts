import { BeitError } from "../platform/errors.ts";
import { asFloat32 } from "../tensor/half.ts";
import { sameShape, type Tensor } from "../tensor/tensor.ts";
import { show } from "./json.ts";

const LISTED = 10;

/** A parameter a model asks for. */
export interface ExpectedParameter {
  name: string;
  shape: readonly number[];
}

/** Which differences between a model and a checkpoint are meant. */
export interface Allowances {
  /** Names that may be absent, e.g. a head to be trained anew. */
  allowMissing?: RegExp;
  /** Names that may be there unused, e.g. the head of another task. */
  allowExtra?: RegExp;
}

/** A checkpoint's values for a model. */
export interface CheckedParameters {
  /** By name, in the model's order: float32, shared with the checkpoint's memory when that is float32 already. */
  parameters: Map<string, Float32Array>;
  /** Parameters the checkpoint lacks, all allowed to be absent. */
  missing: string[];
  /** Names the model has no use for, all allowed. */
  extra: string[];
}

/**
 * Matches a checkpoint with the parameters of a model and collects every difference into one error: missing, extra, and
 * those of another shape or of no floating-point dtype. A wrong shape is never allowed, as it means another model: leave
 * the tensor out of `found` to train it anew.
 * @param name the file or folder, for messages
 * @throws BeitError `checkpoint/mismatch`, `checkpoint/not-finite`.
 */
export function checkParameters(
  expected: readonly ExpectedParameter[],
  found: ReadonlyMap<string, Tensor>,
  name: string,
  options: Allowances = {},
): CheckedParameters {
  const wanted = new Set(expected.map((parameter) => parameter.name));
  const missing = expected.filter((parameter) => !found.has(parameter.name));
  const extra = [...found.keys()].filter((key) => !wanted.has(key));
  const misshapen = expected.flatMap((parameter) => difference(parameter, found.get(parameter.name)));
  const lines = [
    ...list("missing", missing.filter((parameter) => !matches(options.allowMissing, parameter.name)).map(describe)),
    ...list(
      "not expected",
      extra
        .filter((key) => !matches(options.allowExtra, key))
        .map((key) => describe({ name: key, ...found.get(key)! })),
    ),
    ...list("of another shape or type", misshapen),
  ];
  if (lines.length > 0) {
    throw new BeitError("checkpoint/mismatch", `${name}: its tensors are not those of the model\n${lines.join("\n")}`);
  }
  const parameters = new Map<string, Float32Array>();
  for (const parameter of expected) {
    const tensor = found.get(parameter.name);
    if (!tensor) continue;
    const { data } = asFloat32(tensor);
    if (!allFinite(data)) {
      const message = `${name}: ${parameter.name} holds numbers that are not finite: did the training that made it diverge?`;
      throw new BeitError("checkpoint/not-finite", message);
    }
    parameters.set(parameter.name, data);
  }
  return { parameters, missing: missing.map((parameter) => parameter.name), extra };
}

function allFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += values[i]! * 0; // of a number that is not finite: NaN
  return zero === 0;
}

/** `search`, not `test`: that of a global or sticky expression depends on the call before. */
function matches(pattern: RegExp | undefined, name: string): boolean {
  return pattern !== undefined && name.search(pattern) >= 0;
}

function difference({ name, shape }: ExpectedParameter, tensor: Tensor | undefined): string[] {
  if (tensor === undefined) return [];
  const isFloat = /^b?float/.test(tensor.dtype);
  if (isFloat && sameShape(shape, tensor.shape)) return [];
  return [`${name}: expected ${show(shape)}, found ${isFloat ? "" : `${tensor.dtype} `}${show(tensor.shape)}`];
}

const describe = ({ name, shape }: ExpectedParameter) => `${name} ${show(shape)}`;

function list(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const rest = items.length - LISTED;
  return [
    `${items.length} ${what}:`,
    ...items.slice(0, LISTED).map((item) => `  ${item}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}
