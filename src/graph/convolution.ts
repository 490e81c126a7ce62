import { concat, pad, reshape, slice, transpose } from "./layout.ts";
import { matMul, matrixTranspose } from "./matmul.ts";
import { reduceSum } from "./reduce.ts";
import { apply, type Op, type Shape, type Value } from "./value.ts";

// Convolutions of stride 1 whose output has the height and width of their input: kernels of odd size k, (k − 1) / 2
// zeros on every side.

type Attributes = Parameters<Op["infer"]>[1];

/** Dimensions of the output. @throws RangeError naming the op and the shapes */
function outputShape(type: string, x: Shape, w: Shape, channels: readonly [read: 0 | 1, written: 0 | 1]): Shape {
  const [read, written] = channels;
  const k = w[2]!;
  if (x.length !== 4 || w.length !== 4 || x[1] !== w[read] || k % 2 === 0 || w[3] !== k) {
    const kernel = type === "Conv" ? "[O, C, k, k]" : "[C, O, k, k]";
    throw new RangeError(`${type}: [${x}] by [${w}]: expected [B, C, H, W] by ${kernel} with k odd`);
  }
  return [x[0]!, w[written]!, x[2]!, x[3]!];
}

/**
 * y[b,o,p] = Σ_{c,d} w[o,c,d] x[b,c,p+d] + bias[o], with p a place and d a displacement of −(k−1)/2 … (k−1)/2 on both
 * axes. It is linear in x and in w, so with ⟨·,·⟩ the sum of products:
 *
 *   ⟨g, y⟩ = Σ g[b,o,p] w[o,c,d] x[b,c,p+d], hence
 *   dx[b,c,q] = Σ_{o,d} w[o,c,d] g[b,o,q−d]: the transposed convolution of g by w,
 *   dw[o,c,d] = Σ_{b,p} g[b,o,p] x[b,c,p+d]: products of the places of g with those of x displaced by d,
 *   db[o] = Σ_{b,p} g[b,o,p].
 */
const convOp: Op = {
  type: "Conv",
  infer: ([x, w]) => ({ dtype: x!.dtype, shape: outputShape("Conv", x!.shape, w!.shape, [1, 0]) }),
  gradient: (g, { inputs: [x, w, bias] }) => [
    convTranspose(g, w!),
    kernelGradient(x!, g, w!.shape[2]!),
    ...(bias ? [reduceSum(g, [0, 2, 3], false)] : []),
  ],
};

/** The adjoint of Conv by the same kernel, so ⟨g, convᵀ(x, w)⟩ = ⟨conv(g, w), x⟩: its gradients are Conv's, x and g exchanged. */
const convTransposeOp: Op = {
  type: "ConvTranspose",
  infer: ([x, w]) => ({ dtype: x!.dtype, shape: outputShape("ConvTranspose", x!.shape, w!.shape, [0, 1]) }),
  gradient: (g, { inputs: [x, w] }) => [conv(g, w!), kernelGradient(g, x!, w!.shape[2]!)],
};

const attributesOf = (kernel: Shape): Attributes => {
  const k = kernel[2]!;
  return { kernel_shape: [k, k], pads: new Array<number>(4).fill((k - 1) / 2) };
};

/**
 * dw[o,c,d] = Σ_{b,p} g[b,o,p] x[b,c,p+d] as one matrix product over the places of the map, with x beside itself in all
 * its displacements. It is as well Σ_{b,q} g[b,o,q−d] x[b,c,q], so whichever has fewer channels is the one that is
 * displaced, which copies it k² times. (A convolution of x by g with batch and channels exchanged is the same sum; in
 * onnxruntime it takes 1.3 to 6 times as long: docs/log.md.)
 */
function kernelGradient(x: Value, g: Value, k: number): Value {
  const [O, C] = [g.shape[1]!, x.shape[1]!];
  const byKernel =
    C <= O
      ? transpose(reshape(placeProducts(g, concat(displaced(x, k), 1)), [O, k * k, C]), [0, 2, 1])
      : transpose(reshape(placeProducts(concat(displaced(g, k).reverse(), 1), x), [k * k, O, C]), [1, 2, 0]);
  return reshape(byKernel, [O, C, k, k]);
}

/** Σ_{b,p} g[b,o,p] x[b,c,p]: [B, O, H, W] and [B, C, H, W] → [O, C]. */
function placeProducts(g: Value, x: Value): Value {
  const places = (v: Value) => reshape(v, [v.shape[0]!, v.shape[1]!, v.shape[2]! * v.shape[3]!]);
  return reduceSum(matMul(places(g), matrixTranspose(places(x))), [0], false);
}

/** x[b,c,p+d] for every displacement d of a k × k kernel, zero outside, rows of the kernel first. */
function displaced(x: Value, k: number): Value[] {
  const margin = (k - 1) / 2;
  const [H, W] = [x.shape[2]!, x.shape[3]!];
  const padded = pad(pad(x, 2, margin, margin), 3, margin, margin);
  const moves = [...Array(k).keys()];
  const sideways = moves.map((dx) => slice(padded, 3, dx, dx + W));
  return moves.flatMap((dy) => sideways.map((moved) => slice(moved, 2, dy, dy + H)));
}

/**
 * Convolution of stride 1 with zeros around: x [B, C, H, W] by w [O, C, k, k], k odd, → [B, O, H, W].
 * @param bias [O]
 */
export function conv(x: Value, w: Value, bias?: Value): Value {
  return apply(convOp, bias ? [x, w, bias] : [x, w], attributesOf(w.shape));
}

/** Transposed convolution of stride 1: x [B, O, H, W] by w [O, C, k, k], k odd, → [B, C, H, W]. */
export const convTranspose = (x: Value, w: Value): Value => apply(convTransposeOp, [x, w], attributesOf(w.shape));

/** The ops of this file. */
export const convolutionOps = { Conv: convOp, ConvTranspose: convTransposeOp } as const;
