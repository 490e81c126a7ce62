import { type Outputs, type Rule, rewrite } from "./rewrite.ts";
import { apply, type Op, scalarOf, type Value } from "./value.ts";

// onnxruntime's GELU in one pass over memory instead of four, for inference. Training keeps x Φ(x) written out, whose
// parts the backward pass needs.

const inferenceOnly = "made for inference, from the GELU written out";

const geluOp: Op = {
  type: "Gelu",
  domain: "com.microsoft",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  gradient: inferenceOnly,
};

const biasGeluOp: Op = {
  type: "BiasGelu",
  domain: "com.microsoft",
  infer: ([x, bias]) => {
    if (bias!.shape.length !== 1 || bias!.shape[0] !== x!.shape.at(-1)) {
      throw new RangeError(`BiasGelu: [${x!.shape}] with a bias [${bias!.shape}]`);
    }
    return { dtype: x!.dtype, shape: x!.shape };
  },
  gradient: inferenceOnly,
};

/** x Φ(x), exact. */
export const fusedGelu = (x: Value): Value => apply(geluOp, [x]);

/** GELU of x + bias, bias [D] along the last axis. */
export const biasGelu = (x: Value, bias: Value): Value => apply(biasGeluOp, [x, bias]);

const isRootHalf = (value: Value) => scalarOf(value) === Math.fround(Math.SQRT1_2);

/** u (1 + erf u) √½ with u = x √½, as nn/layers.ts writes it → Gelu(x). */
const recognize: Rule = ({ op, inputs }) => {
  const [product, half] = inputs as [Value, Value];
  if (op.type !== "Mul" || product.node.op.type !== "Mul" || !isRootHalf(half)) return undefined;
  const [u, bell] = product.node.inputs as [Value, Value];
  if (u.node.op.type !== "Mul" || !isRootHalf(u.node.inputs[1]!) || bell.node.op.type !== "Add") return undefined;
  const [erf, one] = bell.node.inputs as [Value, Value];
  if (erf.node.op.type !== "Erf" || erf.node.inputs[0] !== u || scalarOf(one) !== 1) return undefined;
  return fusedGelu(u.node.inputs[0]!);
};

/** Puts Gelu where it was written out; before folding, which spreads its constants over the weights around it. */
export const fuseGelu = (outputs: Outputs): Record<string, Value> => rewrite(outputs, recognize);

/** Gelu(x + b) with a vector b → BiasGelu(x, b). */
export const fuseBias: Rule = ({ op, inputs: [sum] }) => {
  if (op.type !== "Gelu" || sum!.node.op.type !== "Add") return undefined;
  const [x, bias] = sum!.node.inputs as [Value, Value];
  const fits = bias.shape.length === 1 && bias.shape[0] === x.shape.at(-1);
  return fits ? biasGelu(x, bias) : undefined;
};

/** The ops of this file. */
export const geluOps = { Gelu: geluOp, BiasGelu: biasGeluOp } as const;
