import { reshape, transpose } from "./layout.ts";
import { unbroadcast } from "./reduce.ts";
import { broadcastShapes, dimProduct } from "./shape.ts";
import { apply, type Op, type Shape, type Value } from "./value.ts";

function productShape(type: string, a: Shape, b: Shape): Shape {
  if (a.length < 2 || b.length < 2 || a.at(-1) !== b.at(-2)) {
    throw new RangeError(`${type}: [${a}] times [${b}]: inner dimensions differ`);
  }
  return [...broadcastShapes(type, a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!];
}

const swapLast = (rank: number) => [...Array(rank - 2).keys(), rank - 1, rank - 2];

/** x with its last two axes exchanged. */
export const matrixTranspose = (x: Value): Value => transpose(x, swapLast(x.shape.length));

/** Leading axes merged into rows: [..., D] to [M, D]. */
const rows = (x: Value) => reshape(x, [dimProduct(x.shape.slice(0, -1)), x.shape.at(-1)!]);

const matMulOp: Op = {
  type: "MatMul",
  infer: ([a, b]) => ({ dtype: a!.dtype, shape: productShape("MatMul", a!.shape, b!.shape) }),
  // Y = A B: dA = dY Bᵀ, dB = Aᵀ dY. With a plain matrix B the leading axes of A are rows of one long product.
  gradient: (g, { inputs: [a, b] }) => {
    const dA = unbroadcast(matMul(g, matrixTranspose(b!)), a!.shape);
    if (b!.shape.length === 2) return [dA, matMul(matrixTranspose(rows(a!)), rows(g))];
    return [dA, unbroadcast(matMul(matrixTranspose(a!), g), b!.shape)];
  },
};

/** Shape of a FusedMatMul operand after its transposition flags. */
function oriented(shape: Shape, trans: unknown, transBatch: unknown): Shape {
  const turned = transBatch ? [...shape.slice(1, -1), shape[0]!, shape.at(-1)!] : shape;
  return trans ? [...turned.slice(0, -2), turned.at(-1)!, turned.at(-2)!] : turned;
}

/**
 * onnxruntime's MatMul that reads its operands transposed and scales its result; made by the lowering pass only.
 * transBatchX moves the first axis behind the batch axes: [N,B,h,d] is read as [B,h,N,d].
 * @see onnxruntime docs/ContribOperators.md, com.microsoft.FusedMatMul
 */
const fusedMatMulOp: Op = {
  type: "FusedMatMul",
  domain: "com.microsoft",
  floats: ["alpha"],
  infer: ([a, b], { transA, transB, transBatchA, transBatchB }) => {
    if ((transBatchA || transBatchB) && a!.shape.length !== b!.shape.length) {
      throw new RangeError(
        `FusedMatMul: [${a!.shape}] times [${b!.shape}]: transBatch needs operands of the same rank`,
      );
    }
    const turned = [oriented(a!.shape, transA, transBatchA), oriented(b!.shape, transB, transBatchB)] as const;
    return { dtype: a!.dtype, shape: productShape("FusedMatMul", ...turned) };
  },
  gradient: "made after differentiation, by the lowering pass",
};

/** Matrix product over the last two axes, leading axes broadcast: [..., m, k] × [..., k, n] → [..., m, n]. */
export const matMul = (a: Value, b: Value): Value => apply(matMulOp, [a, b]);

/** How FusedMatMul reads its operands. */
export interface FusedMatMulFlags {
  transA?: 0 | 1;
  transB?: 0 | 1;
  transBatchA?: 0 | 1;
  transBatchB?: 0 | 1;
  alpha?: number;
}

/** alpha · op(a) · op(b). */
export const fusedMatMul = (a: Value, b: Value, flags: FusedMatMulFlags): Value =>
  apply(fusedMatMulOp, [a, b], { ...flags });

/** The ops of this file. */
export const matmulOps = { MatMul: matMulOp, FusedMatMul: fusedMatMulOp } as const;
