import { lastAxisOnly, peelAffine } from "./affine.ts";
import { batchDependence } from "./dependence.ts";
import { add, mul, sub } from "./elementwise.ts";
import { expand, reshape, transpose } from "./layout.ts";
import { matMul } from "./matmul.ts";
import { isStandardize, layerNormalization, standardize } from "./normalize.ts";
import { reduceMean } from "./reduce.ts";
import { type Outputs, type Rule, rewrite } from "./rewrite.ts";
import { dimProduct, padRank, sameDims } from "./shape.ts";
import type { Node, Value } from "./value.ts";
import { consumers } from "./walk.ts";

// Folding: algebra that moves work from the batch to the parameters. LayerNorm's scale and shift, layer scale, the
// scaling of the queries, the constants of GELU and the bias of the values pass through matrix products into their
// weights, where they cost once per step instead of once per token. Every rule keeps values equal up to rounding.

const isTransposedMatrix = (w: Value) => w.node.op.type === "Transpose" && w.shape.length === 2;

/** f over a matrix [in, out], done below its transposition so that the transposition stays outermost. */
function onMatrix(w: Value, plain: (w: Value) => Value, transposed: (v: Value) => Value): Value {
  return isTransposedMatrix(w) ? transpose(transposed(w.node.inputs[0]!), [1, 0]) : plain(w);
}

const column = (v: Value) => (v.shape.length ? reshape(v, [v.shape[0]!, 1]) : v);
const scaleRows = (w: Value, s: Value) =>
  onMatrix(
    w,
    (m) => mul(m, column(s)),
    (m) => mul(m, s),
  );
const scaleColumns = (w: Value, s: Value) =>
  onMatrix(
    w,
    (m) => mul(m, s),
    (m) => mul(m, column(s)),
  );
const centreRows = (w: Value) =>
  onMatrix(
    w,
    (m) => sub(m, reduceMean(m, [0], true)),
    (m) => sub(m, reduceMean(m, [1], true)),
  );

/** Row vector (or scalar) times matrix [in, out] as a vector [out]. */
function vectorMatrix(v: Value, w: Value): Value {
  const [rows, columns] = w.shape as [number, number];
  return reshape(matMul(reshape(v.shape.length ? v : expand(v, [rows]), [1, rows]), w), [columns]);
}

/** x · s where the factor reaches a weight; undefined when it would stay where it is. */
function scaleInto(x: Value, s: Value, isBatch: (v: Value) => boolean): Value | undefined {
  const factor = lastAxisOnly(s, x.shape.at(-1)!);
  if (!factor) return undefined;
  const [a, b] = x.node.inputs as [Value, Value];
  if (x.node.op.type === "MatMul" && !isBatch(b) && b.shape.length === 2) return matMul(a, scaleColumns(b, factor));
  if (x.node.op.type !== "Add" || isBatch(a) === isBatch(b)) return undefined;
  const [y, shift] = isBatch(a) ? [a, b] : [b, a];
  const scaled = scaleInto(y, factor, isBatch);
  return scaled && add(scaled, mul(shift, factor));
}

type Dependence = (value: Value) => boolean;

/** LN(x) γ + β → the affine part spelled out, for the next product to take up. */
const layerNorm =
  (): Rule =>
  ({ op, inputs, attributes, outputs }) => {
    if (op.type !== "LayerNormalization" || isStandardize(outputs[0]!)) return undefined;
    const [x, gamma, beta] = inputs as [Value, Value, Value];
    return add(mul(standardize(x, attributes.epsilon as number), gamma), beta);
  };

/** (x W + b) s → x (W s) + b s. */
const scale =
  (isBatch: Dependence): Rule =>
  ({ op, inputs, outputs }) => {
    if (op.type !== "Mul") return undefined;
    const [a, b] = inputs as [Value, Value];
    if (isBatch(a) === isBatch(b)) return undefined;
    const [x, s] = isBatch(a) ? [a, b] : [b, a];
    return sameDims(x.shape, outputs[0]!.shape) ? scaleInto(x, s, isBatch) : undefined;
  };

/** (x s + t) W → x (s W) + t W. */
const product =
  (isBatch: Dependence): Rule =>
  ({ op, inputs }) => {
    const [x, w] = inputs as [Value, Value];
    if (op.type !== "MatMul" || isBatch(w) || !isBatch(x) || w.shape.length !== 2) return undefined;
    const peeled = peelAffine(x, isBatch);
    if (!peeled) return undefined;
    const s = peeled.scale && lastAxisOnly(peeled.scale, w.shape[0]!);
    const t = peeled.shift && lastAxisOnly(peeled.shift, w.shape[0]!);
    if ((peeled.scale && !s) || (peeled.shift && !t)) return undefined;
    const y = matMul(peeled.core, s ? scaleRows(w, s) : w);
    return t ? add(y, vectorMatrix(t, w)) : y;
  };

/** softmax(·) (V + 1 t) → softmax(·) V + 1 t, since the rows of a softmax sum to one. */
const attention =
  (isBatch: Dependence): Rule =>
  ({ op, inputs }) => {
    const [p, v] = inputs as [Value, Value];
    if (op.type !== "MatMul" || p.node.op.type !== "Softmax") return undefined;
    const peeled = peelAffine(v, isBatch);
    if (!peeled?.shift || peeled.scale) return undefined;
    if (padRank(peeled.shift.shape, v.shape.length).at(-2) !== 1) return undefined;
    return add(matMul(p, peeled.core), peeled.shift);
  };

/** (x + p) + q → x + (p + q). */
const shifts =
  (isBatch: Dependence): Rule =>
  ({ op, inputs, outputs }) => {
    if (op.type !== "Add") return undefined;
    const [x, q] = inputs as [Value, Value];
    if (isBatch(q) || x.node.op.type !== "Add") return undefined;
    const [y, p] = x.node.inputs as [Value, Value];
    if (isBatch(p) || !isBatch(y) || dimProduct(y.shape) !== dimProduct(outputs[0]!.shape)) return undefined;
    return add(y, add(p, q));
  };

/** Rules of the folding, in the order in which they are tried; a test switches them off one by one. */
export const foldings = { layerNorm, scale, attention, product, shifts };

/** LayerNorms whose affine part found no product to go into are put together again. */
function restoreLayerNorm(isBatch: (v: Value) => boolean): Rule {
  return ({ op, inputs }) => {
    if (op.type !== "Add" || inputs[0]!.node.op.type !== "Mul") return undefined;
    const [normalized, gamma] = inputs[0]!.node.inputs as [Value, Value];
    const beta = inputs[1]!;
    if (isBatch(beta) || isBatch(gamma) || !isStandardize(normalized)) return undefined;
    const width = [normalized.shape.at(-1)!];
    if (!sameDims(gamma.shape, width) || !sameDims(beta.shape, width)) return undefined;
    const { inputs: operands, attributes } = normalized.node;
    return layerNormalization(operands[0]!, gamma, beta, attributes.epsilon as number);
  };
}

/** The folded graph: same outputs up to rounding, less work per token. `skip` leaves rules out (tests, measurements). */
export function fold(outputs: Outputs, skip: readonly (keyof typeof foldings)[] = []): Record<string, Value> {
  const isBatch = batchDependence();
  const rules = Object.entries(foldings).flatMap(([name, rule]) =>
    skip.includes(name as keyof typeof foldings) ? [] : [rule(isBatch)],
  );
  return rewrite(rewrite(outputs, ...rules), restoreLayerNorm(isBatch));
}

/**
 * Where every consumer of a standardised x̂ multiplies it by a weight, the weight's columns are centred: x̂ has zero
 * mean, so x̂ W = x̂ (W − mean W), and the gradient that comes back has zero mean, which spares LayerNorm's backward
 * pass a reduction.
 */
export function centreWeights(outputs: Outputs): Record<string, Value> {
  const isBatch = batchDependence();
  const users = consumers(Object.values(outputs));
  const returned = new Set(Object.values(outputs));
  const centred = (original: Node): boolean => {
    const value = original.outputs[0]!;
    if (original.op.type !== "LayerNormalization" || !isStandardize(value) || returned.has(value)) return false;
    return users
      .get(value)!
      .every(({ op, inputs: [x, w] }) => op.type === "MatMul" && x === value && !isBatch(w!) && w!.shape.length === 2);
  };
  return rewrite(outputs, (node, original) => {
    if (centred(original)) return standardize(node.inputs[0]!, node.attributes.epsilon as number, true);
    if (original.op.type === "MatMul" && centred(original.inputs[0]!.node)) {
      return matMul(node.inputs[0]!, centreRows(node.inputs[1]!));
    }
    return undefined;
  });
}
