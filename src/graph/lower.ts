import { float32 } from "../tensor/tensor.ts";
import { add, mul } from "./elementwise.ts";
import { fuseBias } from "./gelu.ts";
import { onesAlong, reshape, transpose } from "./layout.ts";
import { type FusedMatMulFlags, fusedMatMul, matMul } from "./matmul.ts";
import { reduceSum } from "./reduce.ts";
import { deduplicate, type Outputs, type Rule, rewrite } from "./rewrite.ts";
import { dimProduct, sameDims } from "./shape.ts";
import { applyAll, constant, constantTensor, integersOf, type Node, scalarOf, type Value } from "./value.ts";
import { consumers } from "./walk.ts";

// Lowering: the same values in the form that onnxruntime computes fastest. Each rule is local; the measurements behind
// them are in docs/log.md.

const isOp = (value: Value, type: string) => value.node.op.type === type;

/** Transpose∘Transpose, Reshape∘Reshape, x·1: what traces and gradient rules leave behind. */
const simplify: Rule = ({ op, inputs, attributes, outputs }) => {
  const [x, y] = inputs as [Value, Value];
  if (op.type === "Transpose" && isOp(x, "Transpose")) {
    const inner = x.node.attributes.perm as readonly number[];
    return transpose(
      x.node.inputs[0]!,
      (attributes.perm as readonly number[]).map((axis) => inner[axis]!),
    );
  }
  if (op.type === "Reshape" && isOp(x, "Reshape")) return reshape(x.node.inputs[0]!, outputs[0]!.shape);
  if (op.type === "Reshape" && sameDims(x.shape, outputs[0]!.shape)) return x;
  if (op.type === "Mul" && scalarOf(y) === 1 && y.shape.length === 0) return x;
  return undefined;
};

/**
 * In softmax's backward pass Σⱼ dPᵢⱼ Pᵢⱼ with dP = dO Vᵀ is Σ dOᵢ Oᵢ with O = P V, which is already there: a sum over
 * d instead of N numbers a row.
 */
function rowSums(outputs: Outputs): Rule {
  const users = consumers(Object.values(outputs));
  return (node, { op, inputs }, now) => {
    if (op.type !== "ReduceSum" || !isOp(inputs[0]!, "Mul")) return undefined;
    const axes = integersOf(inputs[1]!);
    const rank = inputs[0]!.shape.length;
    if (axes.length !== 1 || axes[0] !== rank - 1 || !node.attributes.keepdims) return undefined;
    const [dP, p] = inputs[0]!.node.inputs as [Value, Value];
    if (!isOp(dP, "MatMul") || !isOp(p, "Softmax")) return undefined;
    const [dO, vT] = dP.node.inputs as [Value, Value];
    if (!isOp(vT, "Transpose")) return undefined;
    const product = users
      .get(p)
      ?.find(({ op: o, inputs: [a, b] }) => o.type === "MatMul" && a === p && transposes(vT, b!));
    return product && reduceSum(mul(now(dO), now(product.outputs[0]!)), [rank - 1], true);
  };
}

/** True when vT is v with its last two axes exchanged; both may be transpositions of the same source. */
function transposes(vT: Value, v: Value): boolean {
  const rank = v.shape.length;
  const viewed = isOp(v, "Transpose");
  const order = viewed ? (v.node.attributes.perm as readonly number[]) : [...v.shape.keys()];
  const perm = vT.node.attributes.perm as readonly number[];
  const source = viewed ? v.node.inputs[0] : v;
  return vT.node.inputs[0] === source && perm.every((axis, i) => axis === order[i < rank - 2 ? i : 2 * rank - 3 - i]);
}

/** g a + (g u) e → g (a + u e): the backward pass of x Φ(x) in one pass less over memory. */
const factor: Rule = ({ op, inputs }) => {
  const [left, right] = inputs as [Value, Value];
  if (op.type !== "Add" || !isOp(left, "Mul") || !isOp(right, "Mul")) return undefined;
  const [g, a] = left.node.inputs as [Value, Value];
  const [inner, e] = right.node.inputs as [Value, Value];
  if (!isOp(inner, "Mul") || inner.node.inputs[0] !== g) return undefined;
  return mul(g, add(a, mul(inner.node.inputs[1]!, e)));
};

/** (Aᵀ B)ᵀ → Bᵀ A for matrices: the gradient of a weight that is read transposed comes out the right way round. */
const turnProduct: Rule = ({ op, inputs: [product], outputs }) => {
  if (op.type !== "Transpose" || outputs[0]!.shape.length !== 2 || !isOp(product!, "MatMul")) return undefined;
  const [a, b] = product!.node.inputs as [Value, Value];
  return isOp(a, "Transpose") ? matMul(transpose(b, [1, 0]), transpose(a, [1, 0])) : undefined;
};

/**
 * How FusedMatMul can read an operand through a Transpose; undefined when it cannot. It moves the first axis behind the
 * batch axes only for two operands of the same rank (onnxruntime matmul_helper.h).
 */
function readThrough(value: Value, sameRank: boolean): { source: Value; trans: 0 | 1; transBatch: 0 | 1 } | undefined {
  if (!isOp(value, "Transpose")) return undefined;
  const perm = value.node.attributes.perm as readonly number[];
  const rank = perm.length;
  const source = value.node.inputs[0]!;
  const order = [...perm.keys()];
  const is = (expected: readonly number[]) => expected.every((axis, i) => axis === perm[i]);
  if (is([...order.slice(0, -2), rank - 1, rank - 2])) return { source, trans: 1, transBatch: 0 };
  if (rank < 3 || !sameRank) return undefined;
  const batch = order.slice(1, -1);
  if (is([...batch, 0, rank - 1])) return { source, trans: 0, transBatch: 1 };
  if (is([...batch, rank - 1, 0])) return { source, trans: 1, transBatch: 1 };
  return undefined;
}

/**
 * MatMul over transposed operands → FusedMatMul that reads them in place. Except a plain matrix on the left, as in the
 * gradient of a weight: transposing it first is faster than multiplying it transposed (docs/performance.md).
 */
const fuseTransposes: Rule = ({ op, inputs }) => {
  if (op.type !== "MatMul") return undefined;
  const [left, right] = inputs as [Value, Value];
  const sameRank = left.shape.length === right.shape.length;
  const a = left.shape.length > 2 ? readThrough(left, sameRank) : undefined;
  const b = readThrough(right, sameRank);
  if (!a && !b) return undefined;
  const flags: FusedMatMulFlags = {
    transA: a?.trans ?? 0,
    transB: b?.trans ?? 0,
    transBatchA: a?.transBatch ?? 0,
    transBatchB: b?.transBatch ?? 0,
    alpha: 1,
  };
  return fusedMatMul(a?.source ?? left, b?.source ?? right, flags);
};

/** Sums over leading axes → a product with a row of ones, which runs at the speed of memory on all threads. */
const leadingSums: Rule = ({ op, inputs, outputs }) => {
  if (op.type !== "ReduceSum") return undefined;
  const x = inputs[0]!;
  const axes = integersOf(inputs[1]!);
  const kept = x.shape.slice(axes.length);
  if (!axes.every((axis, i) => axis === i) || kept.length === 0 || x.dtype !== "float32") return undefined;
  const count = dimProduct(x.shape.slice(0, axes.length));
  const width = dimProduct(kept);
  if (count === 1 || width < 2) return undefined; // a width that holds the symbolic batch is negative
  const matrix = reshape(x, [count, width]);
  const row = [1, count];
  const ones = count < 0 ? reshape(onesAlong(matrix), row) : constant(float32(new Float32Array(count).fill(1), row));
  return reshape(matMul(ones, matrix), outputs[0]!.shape);
};

/** a + (0 with rows added) → a with rows added: the gradient that comes back from some of the samples. */
const addInto: Rule = ({ op, inputs, outputs }) => {
  if (op.type !== "Add") return undefined;
  for (const [a, b] of [inputs, inputs.toReversed()] as [Value, Value][]) {
    const scattered = isOp(b, "Reshape") ? b.node.inputs[0]! : b;
    if (!isOp(scattered, "ScatterND") || !sameDims(a.shape, outputs[0]!.shape)) continue;
    const [base, indices, rows] = scattered.node.inputs as [Value, Value, Value];
    const tensor = constantTensor(base);
    if (!tensor || (tensor.data as Float32Array).some((v) => v !== 0)) continue;
    const sum = applyAll(scattered.node.op, [reshape(a, base.shape), indices, rows], scattered.node.attributes)[0]!;
    return reshape(sum, a.shape);
  }
  return undefined;
};

/** Passes of the lowering; a test switches them off one by one. */
export const lowerings = {
  addInto: () => addInto,
  rowSums,
  factor: () => factor,
  leadingSums: () => leadingSums,
  turnProduct: () => turnProduct,
  fuseTransposes: () => fuseTransposes,
  fuseBias: () => fuseBias,
};

/** Lowers a graph for onnxruntime. `skip` leaves passes out (tests, measurements). */
export function lower(outputs: Outputs, skip: readonly (keyof typeof lowerings)[] = []): Record<string, Value> {
  let current = deduplicate(rewrite(outputs, simplify));
  for (const [name, pass] of Object.entries(lowerings)) {
    if (skip.includes(name as keyof typeof lowerings)) continue;
    current = rewrite(current, pass(current));
    current = rewrite(current, simplify);
  }
  return deduplicate(current);
}

/** Nodes by op type: what a graph will run. */
export function countOps(nodes: readonly Node[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { op } of nodes) counts[op.type] = (counts[op.type] ?? 0) + 1;
  return counts;
}
