import { inputName, integersOf, isConstant, isInput, type Node, type Value } from "../../src/graph/value.ts";
import { nodesOf } from "../../src/graph/walk.ts";

// What each ONNX operator means, in float64 and without regard to speed. Shapes are found from the data, not from the
// graph's type rules, so that those are checked too. @see onnx docs/Operators.md

/** A dense row-major array; booleans and integers are numbers too. */
export interface Dense {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** An array of a shape, element by element from its index. */
export function generate(shape: readonly number[], element: (index: readonly number[]) => number): Dense {
  const data = new Float64Array(size(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = element(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

/** The element at an index that may have more axes; axes of size 1 are repeated. */
function at({ shape, data }: Dense, index: readonly number[]): number {
  let offset = 0;
  const skipped = index.length - shape.length;
  for (const [axis, length] of shape.entries()) offset = offset * length + (length === 1 ? 0 : index[axis + skipped]!);
  return data[offset]!;
}

function broadcast(...shapes: (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((shape) => shape[shape.length - rank + i] ?? 1);
    return sizes.find((d) => d !== 1) ?? 1;
  });
}

const map = (f: (...numbers: number[]) => number, ...xs: Dense[]): Dense =>
  generate(broadcast(...xs.map(({ shape }) => shape)), (index) => f(...xs.map((x) => at(x, index))));

/** erf by e^(−x²) Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!! · 2/√π, whose terms are all positive. @see Abramowitz & Stegun 7.1.6 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const transpose = (x: Dense, perm: readonly number[]) =>
  generate(
    perm.map((axis) => x.shape[axis]!),
    (index) => {
      const from = new Array<number>(perm.length);
      for (const [to, axis] of perm.entries()) from[axis] = index[to]!;
      return at(x, from);
    },
  );

function matMul(a: Dense, b: Dense): Dense {
  const inner = a.shape.at(-1)!;
  const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), a.shape.at(-2)!, b.shape.at(-1)!];
  return generate(shape, (index) => {
    const [batch, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += at(a, [...batch, i, k]) * at(b, [...batch, k, j]);
    return sum;
  });
}

/** A FusedMatMul operand as it is read. @see onnxruntime docs/ContribOperators.md */
function oriented(x: Dense, trans: unknown, transBatch: unknown): Dense {
  const rank = x.shape.length;
  const axes = [...x.shape.keys()];
  const turned = transBatch ? [...axes.slice(1, -1), 0, rank - 1] : axes;
  return transpose(x, trans ? [...turned.slice(0, -2), turned.at(-1)!, turned.at(-2)!] : turned);
}

/** Rounds to the nearest integer, ties to the even one. */
function roundEven(x: number): number {
  const floor = Math.floor(x);
  const half = x - floor === 0.5;
  return half ? floor + (floor % 2 === 0 ? 0 : 1) : Math.round(x);
}

const toByte = (x: number, scale: number, zero: number) => Math.min(255, Math.max(0, roundEven(x / scale) + zero));

/** Scale and zero point in float32, as the operator is defined; the rest as QuantizeLinear. @see onnx docs/Operators.md */
function dynamicQuantizeLinear(x: Dense): Dense[] {
  const [least, most] = [Math.min(0, ...x.data), Math.max(0, ...x.data)];
  const scale = Math.fround(Math.fround(most - least) / 255);
  const zero = Math.min(255, Math.max(0, roundEven(-least / scale)));
  const single = (value: number) => ({ shape: [], data: Float64Array.of(value) });
  return [map((v) => toByte(v, scale, zero), x), single(scale), single(zero)];
}

/** (a − za) b summed in integers, then scaled, one scale a column. */
function matMulIntegerToFloat([a, b, aScale, bScale, aZero, bZero, bias]: readonly Dense[]): Dense {
  const sums = matMul(
    map((v, zero) => v - zero, a!, aZero!),
    map((v, zero) => v - zero, b!, bZero!),
  );
  const scaled = map((v, sa, sb) => v * sa * sb, sums, aScale!, bScale!);
  return bias ? map((v, shift) => v + shift, scaled, bias) : scaled;
}

const gelu = (x: number) => (x / 2) * (1 + erf(x * Math.SQRT1_2));

type Fold = (values: readonly number[]) => number;

function reduce(x: Dense, axes: readonly number[], keepDims: boolean, fold: Fold): Dense {
  const reduced = axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
  const kept = generate(
    x.shape.map((d, i) => (reduced.includes(i) ? 1 : d)),
    (index) => {
      const values: number[] = [];
      generate(
        reduced.map((axis) => x.shape[axis]!),
        (inner) => {
          const full = [...index];
          for (const [i, axis] of reduced.entries()) full[axis] = inner[i]!;
          return values.push(at(x, full));
        },
      );
      return fold(values);
    },
  );
  return keepDims ? kept : { shape: x.shape.filter((_, i) => !reduced.includes(i)), data: kept.data };
}

const total: Fold = (values) => values.reduce((a, b) => a + b, 0);
const mean: Fold = (values) => total(values) / values.length;
const maximum: Fold = (values) => Math.max(...values);
const overLast = (x: Dense, fold: Fold) => reduce(x, [-1], true, fold);

const softmax = (x: Dense): Dense => {
  const e = map((v, most) => Math.exp(v - most), x, overLast(x, maximum));
  return map((v, sum) => v / sum, e, overLast(e, total));
};

function layerNormalization([x, gamma, beta]: readonly Dense[], epsilon: number): Dense[] {
  const mu = overLast(x!, mean);
  const variance = overLast(
    map((v, m) => (v - m) ** 2, x!, mu),
    mean,
  );
  const inverse = map((v) => 1 / Math.sqrt(v + epsilon), variance);
  return [map((v, m, s, g, b) => (v - m) * s * g + b, x!, mu, inverse, gamma!, beta!), mu, inverse];
}

function concat(xs: readonly Dense[], axis: number): Dense {
  const shape = xs[0]!.shape.map((d, i) => (i === axis ? total(xs.map((x) => x.shape[i]!)) : d));
  return generate(shape, (index) => {
    const from = [...index];
    let source = 0;
    while (from[axis]! >= xs[source]!.shape[axis]!) from[axis]! -= xs[source++]!.shape[axis]!;
    return at(xs[source]!, from);
  });
}

function pad(x: Dense, amounts: readonly number[], fill: number): Dense {
  const rank = x.shape.length;
  const shape = x.shape.map((d, i) => d + amounts[i]! + amounts[rank + i]!);
  return generate(shape, (index) => {
    const from = index.map((v, i) => v - amounts[i]!);
    return from.every((v, i) => v >= 0 && v < x.shape[i]!) ? at(x, from) : fill;
  });
}

function slice(x: Dense, start: number, end: number, axis: number): Dense {
  return generate(
    x.shape.map((d, i) => (i === axis ? end - start : d)),
    (index) =>
      at(
        x,
        index.map((v, i) => (i === axis ? v + start : v)),
      ),
  );
}

/** Sums over channels and displacements: y[b,o,p] = Σ w(o,c,d) x[b,c,p+d] + bias[o], x zero outside. */
function convolve(x: Dense, bias: Dense | undefined, outputs: number, kernel: Kernel): Dense {
  const [B, C, H, W] = x.shape as [number, number, number, number];
  const margin = (kernel.size - 1) / 2;
  return generate([B, outputs, H, W], ([b, o, row, column]) => {
    let sum = bias?.data[o!] ?? 0;
    for (let c = 0; c < C; c++) {
      for (let i = 0; i < kernel.size; i++) {
        for (let j = 0; j < kernel.size; j++) {
          const [y, z] = [row! + i - margin, column! + j - margin];
          if (y >= 0 && y < H && z >= 0 && z < W) sum += kernel.weight(o!, c, i, j) * at(x, [b!, c, y, z]);
        }
      }
    }
    return sum;
  });
}

interface Kernel {
  readonly size: number;
  readonly weight: (o: number, c: number, i: number, j: number) => number;
}

const conv = ([x, w, bias]: readonly Dense[]): Dense =>
  convolve(x!, bias, w!.shape[0]!, { size: w!.shape[2]!, weight: (o, c, i, j) => at(w!, [o, c, i, j]) });

/** The same by the kernel turned by 180° and with its channels exchanged. */
const convTranspose = ([x, w]: readonly Dense[]): Dense => {
  const last = w!.shape[2]! - 1;
  const weight: Kernel["weight"] = (o, c, i, j) => at(w!, [c, o, last - i, last - j]);
  return convolve(x!, undefined, w!.shape[1]!, { size: last + 1, weight });
};

/** Cells of 2 × 2 pixels, each folded to one number. */
const pool = ([x]: readonly Dense[], fold: Fold): Dense =>
  generate([x!.shape[0]!, x!.shape[1]!, x!.shape[2]! / 2, x!.shape[3]! / 2], ([b, c, i, j]) =>
    fold([0, 1, 2, 3].map((k) => at(x!, [b!, c!, 2 * i! + (k >> 1), 2 * j! + (k & 1)]))),
  );

/** Nearest neighbour, rounded down, by whole factors. */
const enlarge = (x: Dense, scales: readonly number[]): Dense =>
  generate(
    x.shape.map((d, axis) => d * scales[axis]!),
    (index) =>
      at(
        x,
        index.map((v, axis) => Math.floor(v / scales[axis]!)),
      ),
  );

const gather = (x: Dense, indices: Dense) =>
  generate([...indices.shape, ...x.shape.slice(1)], (index) => {
    const rank = indices.shape.length;
    return at(x, [at(indices, index.slice(0, rank)), ...index.slice(rank)]);
  });

/** x with updates added where `target` says. */
function scatterAdd(x: Dense, updates: Dense, target: (index: readonly number[]) => readonly number[]): Dense {
  const data = x.data.slice();
  generate(updates.shape, (index) => {
    const offset = target(index).reduce((o, v, axis) => o * x.shape[axis]! + v, 0);
    data[offset]! += at(updates, index);
    return 0;
  });
  return { shape: x.shape, data };
}

type Meaning = (inputs: readonly Dense[], node: Node) => Dense | Dense[];
const elementwise =
  (f: (...numbers: number[]) => number): Meaning =>
  (inputs) =>
    map(f, ...inputs);
const reducing =
  (fold: Fold): Meaning =>
  ([x], { inputs, attributes }) =>
    reduce(x!, integersOf(inputs[1]!), Boolean(attributes.keepdims), fold);
const ints = (x: Dense) => Array.from(x.data);
const axisOf = ({ attributes }: Node) => attributes.axis as number;

const meanings: Readonly<Record<string, Meaning>> = {
  Add: elementwise((a, b) => a + b),
  Sub: elementwise((a, b) => a - b),
  Mul: elementwise((a, b) => a * b),
  Div: elementwise((a, b) => a / b),
  Greater: elementwise((a, b) => Number(a > b)),
  Neg: elementwise((x) => -x),
  Exp: elementwise(Math.exp),
  Log: elementwise(Math.log),
  Sqrt: elementwise(Math.sqrt),
  Tanh: elementwise(Math.tanh),
  Sigmoid: elementwise((x) => 1 / (1 + Math.exp(-x))),
  Relu: elementwise((x) => Math.max(x, 0)),
  Erf: elementwise(erf),
  Cast: ([x], { outputs }) => {
    const { dtype } = outputs[0]!;
    if (dtype === "bool") return map((v) => Number(v !== 0), x!);
    return /int/.test(dtype) ? map(Math.trunc, x!) : x!;
  },
  Where: elementwise((condition, a, b) => (condition ? a : b)),
  Reshape: ([x, target]) => ({ shape: ints(target!), data: x!.data }),
  Transpose: ([x], { attributes }) => transpose(x!, attributes.perm as readonly number[]),
  Shape: ([x], { attributes: { start, end } }) => {
    const dims = x!.shape.slice(start as number, end as number);
    return { shape: [dims.length], data: Float64Array.from(dims) };
  },
  Expand: ([x, target]) => generate(broadcast(x!.shape, ints(target!)), (index) => at(x!, index)),
  Concat: (inputs, node) => concat(inputs, axisOf(node)),
  Slice: ([x, start, end, axis]) => slice(x!, start!.data[0]!, end!.data[0]!, axis!.data[0]!),
  Pad: ([x, amounts, fill]) => pad(x!, ints(amounts!), fill!.data[0]!),
  MatMul: ([a, b]) => matMul(a!, b!),
  FusedMatMul: ([a, b], { attributes: { transA, transB, transBatchA, transBatchB, alpha = 1 } }) =>
    map((v) => v * (alpha as number), matMul(oriented(a!, transA, transBatchA), oriented(b!, transB, transBatchB))),
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: (inputs) => pool(inputs, maximum),
  AveragePool: (inputs) => pool(inputs, mean),
  Resize: ([x, , scales]) => enlarge(x!, ints(scales!)),
  LayerNormalization: (inputs, { attributes }) => layerNormalization(inputs, attributes.epsilon as number),
  Softmax: ([x]) => softmax(x!),
  LogSoftmax: ([x]) => map(Math.log, softmax(x!)),
  ReduceSum: reducing(total),
  ReduceMean: reducing(mean),
  ReduceMax: reducing(maximum),
  Gather: ([x, indices]) => gather(x!, indices!),
  GatherElements: ([x, indices], node) =>
    generate(indices!.shape, (index) =>
      at(
        x!,
        index.map((v, i) => (i === axisOf(node) ? at(indices!, index) : v)),
      ),
    ),
  ScatterND: ([x, indices, updates]) =>
    scatterAdd(x!, updates!, ([row, ...rest]) => [at(indices!, [row!, 0]), ...rest]),
  ScatterElements: ([x, indices, updates], node) =>
    scatterAdd(x!, updates!, (index) => index.map((v, i) => (i === axisOf(node) ? at(indices!, index) : v))),
  Gelu: elementwise(gelu),
  BiasGelu: elementwise((x, bias) => gelu(x + bias)),
  QuantizeLinear: elementwise(toByte),
  DynamicQuantizeLinear: ([x]) => dynamicQuantizeLinear(x!),
  MatMulIntegerToFloat: matMulIntegerToFloat,
  ArgMax: ([x]) => reduce(x!, [-1], false, (values) => values.indexOf(Math.max(...values))),
};

/** Operators that have a meaning here. */
export const known: ReadonlySet<string> = new Set(Object.keys(meanings));

/** Values of a graph in float64. @throws RangeError when a shape is not the one the graph's type rules gave */
export function interpret(outputs: readonly Value[], feeds: Readonly<Record<string, Dense>>): Dense[] {
  const values = new Map<Value, Dense>();
  for (const node of nodesOf(outputs)) {
    const [first] = node.outputs;
    if (isInput(first!)) values.set(first!, feeds[inputName(first!)]!);
    else if (isConstant(first!)) {
      const { shape, data } = node.attributes.value as { shape: readonly number[]; data: ArrayLike<number | bigint> };
      values.set(first!, { shape, data: Float64Array.from(data, Number) });
    } else {
      const result = meanings[node.op.type]!(
        node.inputs.map((value) => values.get(value)!),
        node,
      );
      for (const [i, dense] of [result].flat().entries()) {
        const output = node.outputs[i]!;
        if (dense.shape.join() !== output.shape.join()) {
          throw new RangeError(
            `${node.op.type}: the graph says [${output.shape}], the operator gives [${dense.shape}]`,
          );
        }
        values.set(output, dense);
      }
    }
  }
  return outputs.map((value) => values.get(value)!);
}
