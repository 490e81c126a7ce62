import { describe, expect, it } from "vitest";
import { presets } from "../../src/beit/config.ts";
import { classify, predictVisualTokens } from "../../src/beit/model.ts";
import { traceOutputs } from "../../src/beit/outputs.ts";
import { conv, convTranspose } from "../../src/graph/convolution.ts";
import * as e from "../../src/graph/elementwise.ts";
import { biasGelu, fusedGelu } from "../../src/graph/gelu.ts";
import { addRows, addSamples, argMax, gather, gatherElements, takeSamples } from "../../src/graph/indexing.ts";
import { dynamicQuantizeLinear, matMulIntegerToFloat, quantizeLinear } from "../../src/graph/integer.ts";
import { concat, expand, onesAlong, pad, reshape, slice, transpose } from "../../src/graph/layout.ts";
import { fusedMatMul, matMul } from "../../src/graph/matmul.ts";
import { layerNormalization, logSoftmax, softmax, standardize } from "../../src/graph/normalize.ts";
import { ops } from "../../src/graph/ops.ts";
import { averagePool2, maxPool2, upsample2 } from "../../src/graph/pooling.ts";
import { reduceMax, reduceMean, reduceSum } from "../../src/graph/reduce.ts";
import { trainingGraphs } from "../../src/graph/training.ts";
import { apply, constant, input, isConstant, isInput, scalar, type Value } from "../../src/graph/value.ts";
import { nodesOf } from "../../src/graph/walk.ts";
import { crossEntropy, softCrossEntropy } from "../../src/nn/loss.ts";
import { batchInput, createScope, createTrace } from "../../src/nn/scope.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, int64, type Tensor } from "../../src/tensor/tensor.ts";
import { checkGradient, uniform, withGradients } from "./check.ts";
import { known } from "./reference.ts";

interface Case {
  /** What is special about it. */
  readonly what: string;
  readonly value: Value;
  /** Values of inputs that are not uniform in [−1, 1). */
  readonly feeds?: Readonly<Record<string, Tensor>>;
}

const x = (...shape: number[]) => input("x", shape, "batch");
const y = (...shape: number[]) => input("y", shape, "batch");
const z = (...shape: number[]) => input("z", shape, "parameter");
const named = (what: string, value: Value, feeds?: Case["feeds"]): Case => ({
  what,
  value,
  ...(feeds ? { feeds } : {}),
});

/** Every way two operands can be broadcast. */
const pairs: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["same shape", [2, 3], [2, 3]],
  ["vector right", [2, 3], [3]],
  ["vector left", [3], [2, 3]],
  ["leading 1s right", [4, 3], [1, 1, 3]],
  ["leading 1s left", [1, 1, 3], [4, 3]],
  ["inner axis", [2, 1, 3], [4, 1]],
  ["both sides", [2, 1, 3], [1, 4, 1]],
  ["scalar right", [2, 3], []],
  ["scalar left", [], [2, 3]],
  ["one element of rank 2", [2, 3], [1, 1]],
  ["scalars", [], []],
];
const binary = (op: (a: Value, b: Value) => Value, low = -1, high = 1): Case[] => [
  ...pairs.map(([what, a, b]) => named(what, op(x(...a), y(...b)), { y: uniform("y", b, low, high) })),
  named("twice the same operand", twice(z(2, 3), op), { z: uniform("z", [2, 3], low, high) }),
];
/** An op of a value with itself: its gradient comes twice. */
const twice = (value: Value, op: (a: Value, b: Value) => Value) => op(value, value);
const unary = (op: (x: Value) => Value, low = -2, high = 2): Case[] =>
  [[5], [2, 3], [1, 2, 1, 3], []].map((shape) =>
    named(`[${shape}]`, op(x(...shape)), { x: uniform("x", shape, low, high) }),
  );

const matrices = (a: number[], b: number[]) => named(`[${a}] × [${b}]`, matMul(x(...a), y(...b)));
const bools = (shape: readonly number[]): Tensor => ({
  dtype: "bool",
  shape,
  data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Number(i % 3 === 0)),
});
const choice = (condition: number[], a: number[], b: number[]) =>
  named(`[${condition}] ? [${a}] : [${b}]`, e.where(constant(bools(condition)), x(...a), y(...b)));
const conditional = (a: Value, b: Value) => e.where(e.greater(a, b), e.mul(a, b), b);
const convTwice = (maps: Value, kernel: Value) => conv(conv(maps, kernel), kernel);
const reductions = (reduce: (x: Value, axes: number[], keepDims: boolean) => Value): Case[] =>
  [[0], [1], [2], [-1], [-3], [0, 1], [1, 2], [0, -1], [0, 1, 2]].flatMap((axes) =>
    [true, false].map((keep) => named(`axes [${axes}] keepdims ${keep}`, reduce(x(2, 3, 4), axes, keep))),
  );
const indices = (values: number[], ...shape: number[]) => constant(int64(values, shape));
const rowsAddedToTheirSource = (v: Value) => addRows(v, indices([3, 0], 2), gather(v, indices([1, 2], 2)));
const centredColumns = float32([0.5, -0.25, 0.75, -1, 0.25, 0.5, -1.5, 0.75], [4, 2]);

const byte = (value: number) => constant({ dtype: "uint8", shape: [], data: Uint8Array.of(value) });
const signed = (values: number[], ...shape: number[]) =>
  constant({ dtype: "int8", shape, data: Int8Array.from(values) });
const scale = 2 ** -4; // a power of two: x / scale is exact, so that both sides round the same numbers
const bytes = (v: Value, zero: number) => quantizeLinear(v, scalar(scale), byte(zero));
const matrix = {
  bytes: signed([64, -64, 3, 0, 17, -5, -1, 2, 64, 33, -8, 64], 4, 3),
  scales: constant(float32([0.5, 0.25, 0.0078125], [3])),
  zeros: signed([0, 0, 0], 3),
};
const dynamic = { x: float32([-0.5, 0.25, 1.375, 0.625, -0.125, 0.0625], [2, 3]) };

const cases: Readonly<Record<string, readonly Case[]>> = {
  Add: binary(e.add),
  Sub: binary(e.sub),
  Mul: binary(e.mul),
  Div: binary(e.div, 0.5, 1.5),
  Greater: binary((a, b) => e.cast(e.greater(a, b), "float32")).slice(0, -1),
  Neg: unary(e.neg),
  Exp: unary(e.exp),
  Log: unary(e.log, 0.2, 3),
  Sqrt: unary(e.sqrt, 0.2, 3),
  Tanh: unary(e.tanh),
  Sigmoid: unary(e.sigmoid),
  Relu: unary(e.relu),
  Erf: unary(e.erf),
  Cast: [
    named("float32 to itself", e.mul(apply(ops.Cast!, [x(2, 3)], { to: e.onnxTypes.float32 }), y(3))),
    named("int64 to float32: no gradient to the integers", e.mul(e.cast(indices([3, -4], 2), "float32"), x(2))),
    named("bool to float32: none through the comparison", e.mul(e.cast(e.greater(x(2, 3), y(3)), "float32"), z(2, 3))),
    named("float32 to int64 and back: piecewise constant", e.cast(e.cast(x(4), "int64"), "float32"), {
      x: float32([-1.5, 0.25, 1.25, 7.75], [4]),
    }),
  ],
  Where: [
    choice([2, 3], [2, 3], [2, 3]),
    choice([3], [2, 3], [1, 3]),
    choice([2, 1], [3], [2, 3]),
    choice([2, 3], [], [1]),
    choice([4, 1, 3], [2, 1], [3]),
    named("a condition that depends on what it chooses", conditional(x(2, 3), y(3))),
  ],
  Reshape: [[6], [3, 2], [1, 2, 1, 3], [2, 3, 1]].map((to) => named(`[2,3] to [${to}]`, reshape(x(2, 3), to))),
  Transpose: [
    [2, 0, 1],
    [1, 2, 0],
    [0, 2, 1],
    [2, 1, 0],
  ].map((to) => named(`[${to}]`, transpose(x(2, 3, 4), to))),
  Expand: [
    named("a new axis", expand(x(3), [2, 3])),
    named("a 1", expand(x(2, 1, 3), [2, 4, 3])),
    named("leading 1s and a scalar's worth", expand(x(1, 1), [2, 3])),
    named("scalar", expand(x(), [2, 2])),
  ],
  Shape: [named("of the first axis", e.mul(onesAlong(x(3, 2)), y(3)))],
  Concat: [0, 1, 2, -1, -3].map((axis) => {
    const other = [2, 3, 4].map((d, i) => (i === (axis + 3) % 3 ? 1 : d));
    return named(
      `three along axis ${axis}`,
      twice(x(2, 3, 4), (a, b) => concat([a, y(...other), b], axis)),
    );
  }),
  Slice: [0, 1, 2, -1, -2].flatMap((axis) => [
    named(`start of axis ${axis}`, slice(x(3, 4, 5), axis, 0, 2)),
    named(`inside axis ${axis}`, slice(x(3, 4, 5), axis, 1, 2)),
    named(`end of axis ${axis}`, slice(x(3, 4, 5), axis, 1, [3, 4, 5].at(axis)!)),
  ]),
  Pad: [0, 1, 2, -1, -3].flatMap((axis) => [
    named(`before, axis ${axis}`, pad(x(2, 3, 2), axis, 2, 0)),
    named(`after, axis ${axis}`, pad(x(2, 3, 2), axis, 0, 1)),
    named(`around, axis ${axis}`, pad(pad(x(2, 3, 2), axis, 1, 2), 1, 1, 1)),
  ]),
  MatMul: [
    matrices([2, 3], [3, 4]),
    matrices([1, 1], [1, 1]),
    matrices([2, 3, 4], [4, 5]),
    matrices([2, 2, 3, 4], [4, 5]),
    matrices([1, 3, 4], [4, 2]),
    matrices([2, 3], [4, 3, 2]),
    matrices([2, 3, 4], [2, 4, 5]),
    matrices([2, 3, 2, 4], [2, 3, 4, 2]),
    matrices([2, 1, 2, 4], [1, 3, 4, 2]),
    matrices([3, 2, 4], [2, 1, 4, 2]),
    named("a matrix times itself", twice(x(3, 3), matMul)),
  ],
  FusedMatMul: [
    named("plain, scaled", fusedMatMul(x(2, 3), y(3, 4), { alpha: 0.5 })),
    named("A turned", fusedMatMul(x(3, 2), y(3, 4), { transA: 1, alpha: 1 })),
    named("B turned", fusedMatMul(x(2, 3), y(4, 3), { transB: 1, alpha: 1 })),
    named(
      "token first",
      fusedMatMul(x(3, 2, 2, 4), y(5, 2, 2, 4), { transBatchA: 1, transBatchB: 1, transB: 1, alpha: 1 }),
    ),
    named("token first, A turned", fusedMatMul(x(3, 2, 2, 4), y(2, 2, 3, 5), { transBatchA: 1, transA: 1, alpha: 1 })),
  ],
  Conv: [
    named("3 x 3, more outputs", conv(x(2, 2, 4, 3), y(3, 2, 3, 3), z(3))),
    named("3 x 3, fewer outputs", conv(x(2, 3, 3, 4), y(2, 3, 3, 3), z(2))),
    named("1 x 1 without bias", conv(x(2, 3, 2, 2), y(4, 3, 1, 1))),
    named("7 x 7 on a smaller map", conv(x(1, 2, 4, 5), y(3, 2, 7, 7), z(3))),
    named("5 x 5, one channel, one pixel", conv(x(2, 1, 1, 1), y(1, 1, 5, 5), z(1))),
    named("twice by the same kernel", convTwice(x(1, 2, 3, 3), z(2, 2, 3, 3))),
  ],
  ConvTranspose: [
    named("3 x 3, more outputs", convTranspose(x(2, 2, 4, 3), y(2, 3, 3, 3))),
    named("3 x 3, fewer outputs", convTranspose(x(1, 3, 3, 4), y(3, 2, 3, 3))),
    named("1 x 1", convTranspose(x(2, 3, 2, 2), y(3, 4, 1, 1))),
    named("5 x 5 on a smaller map", convTranspose(x(1, 2, 2, 3), y(2, 2, 5, 5))),
  ],
  MaxPool: [
    named("[1,2,4,2]", maxPool2(x(1, 2, 4, 2))),
    named("[2,1,2,6]", maxPool2(x(2, 1, 2, 6))),
    named("of something computed", maxPool2(e.mul(x(1, 2, 2, 4), y(2, 1, 1)))),
  ],
  AveragePool: [named("[1,2,4,2]", averagePool2(x(1, 2, 4, 2))), named("[2,1,2,6]", averagePool2(x(2, 1, 2, 6)))],
  Resize: [named("[1,2,1,3]", upsample2(x(1, 2, 1, 3))), named("[2,1,2,2]", upsample2(x(2, 1, 2, 2)))],
  LayerNormalization: [
    named("affine [2,5]", layerNormalization(x(2, 5), y(5), z(5), 1e-5)),
    named("affine [2,3,4], large epsilon", layerNormalization(x(2, 3, 4), y(4), z(4), 0.1)),
    named("affine, epsilon 1e-12", layerNormalization(x(3, 2, 4), y(4), z(4), 1e-12)),
    named("plain [2,5]", standardize(x(2, 5), 1e-5)),
    named("plain [3,2,4], constants", standardize(x(3, 2, 4), 0.1)),
    named(
      "affine by constants",
      layerNormalization(x(2, 4), constant(float32([1, 1, 1, 2], [4])), constant(float32([0, 0, 0, 0], [4])), 1e-6),
    ),
    named("centred [3,4]", matMul(standardize(x(3, 4), 1e-5, true), constant(centredColumns))),
    named("centred [2,3,4]", matMul(standardize(x(2, 3, 4), 0.1, true), constant(centredColumns))),
  ],
  Softmax: [
    named("[5]", softmax(x(5))),
    named("[2,3]", softmax(x(2, 3))),
    named("[2,2,3,4]", softmax(e.mul(x(2, 2, 3, 4), y(4)))),
  ],
  LogSoftmax: [
    named("[5]", logSoftmax(x(5))),
    named("[2,3]", logSoftmax(x(2, 3))),
    named("[2,2,3]", logSoftmax(e.mul(x(2, 2, 3), y(3)))),
  ],
  ReduceSum: reductions(reduceSum),
  ReduceMean: reductions(reduceMean),
  ReduceMax: reductions(reduceMax),
  Gather: [
    named("repeated rows", gather(x(4, 3), indices([1, 1, 3, 1, 0], 5))),
    named("a table of indices", gather(x(4, 2), indices([0, 3, 3, 2, 1, 3], 2, 3))),
    named("elements of a vector", gather(x(5), indices([4, 4, 0], 3))),
    named("one row of rank 3", gather(x(3, 2, 2), indices([2], 1))),
  ],
  GatherElements: [
    named("[2,4] at [2,3], repeated", gatherElements(x(2, 4), indices([3, 3, 0, 1, 1, 1], 2, 3))),
    named("one a row", gatherElements(x(3, 4), indices([2, 0, 3], 3, 1))),
    named("[2,2,3]", gatherElements(x(2, 2, 3), indices([0, 2, 1, 1], 2, 2, 1))),
  ],
  ScatterND: [
    named("repeated rows", addRows(y(4, 2), indices([1, 1, 3], 3), x(3, 2))),
    named("rows of rank 3", addRows(y(3, 2, 2), indices([2], 1), x(1, 2, 2))),
    named("into what the rows come from", rowsAddedToTheirSource(x(4, 2))),
    named(
      "samples of the first axis",
      addSamples(y(3, 2, 2), 0, indices([0, 2], 2), takeSamples(x(3, 2, 2), 0, indices([0, 1], 2))),
    ),
    named(
      "samples of the second axis",
      addSamples(y(2, 3, 2), 1, indices([0, 2], 2), takeSamples(x(2, 3, 2), 1, indices([1, 2], 2))),
    ),
  ],
  ScatterElements: [
    named(
      "repeated elements",
      apply(
        ops.ScatterElements!,
        [constant(float32([1, 2, 3, 4, 5, 6], [2, 3])), indices([2, 2, 0, 1], 2, 2), x(2, 2)],
        {
          axis: 1,
          reduction: "add",
        },
      ),
    ),
  ],
  Gelu: unary(fusedGelu, -4, 4),
  BiasGelu: [named("[3]", biasGelu(x(3), y(3))), named("[2,4,3]", biasGelu(x(2, 4, 3), y(3)))],
  QuantizeLinear: [
    named("zero in the middle", e.cast(bytes(x(3, 4), 128).bytes, "float32")),
    named("cut off at both ends", e.cast(bytes(e.mul(x(40), scalar(64)), 100).bytes, "float32")),
    named("ties go to the even byte", e.cast(bytes(x(6), 128).bytes, "float32"), {
      x: float32(
        [0.5, 1.5, 2.5, -0.5, -1.5, -2.5].map((v) => v * scale),
        [6],
      ),
    }),
  ],
  DynamicQuantizeLinear: [
    named("bytes", e.cast(dynamicQuantizeLinear(x(2, 3)).bytes, "float32"), dynamic),
    named("scale", dynamicQuantizeLinear(x(2, 3)).scale, dynamic),
    named("zero point", e.cast(dynamicQuantizeLinear(x(2, 3)).zero, "float32"), dynamic),
    named("positive values alone: the range reaches down to 0", dynamicQuantizeLinear(x(3)).scale, {
      x: float32([0.5, 1, 2], [3]),
    }),
  ],
  MatMulIntegerToFloat: [
    named("[2,4] × [4,3]", matMulIntegerToFloat(bytes(x(2, 4), 128), matrix)),
    named("[3,2,4] × [4,3] + [3]", matMulIntegerToFloat(bytes(x(3, 2, 4), 7), matrix, y(3))),
    named("bytes of a range found at run time", matMulIntegerToFloat(dynamicQuantizeLinear(x(2, 4)), matrix, y(3)), {
      x: float32([-0.5, 0.25, 1.375, 0.625, -0.125, 0.0625, 0.75, 1], [2, 4]),
    }),
    named(
      "the largest bytes that 16 bits hold in pairs",
      matMulIntegerToFloat(bytes(e.mul(e.add(x(2, 4), scalar(3)), scalar(64)), 0), matrix),
    ),
  ],
  ArgMax: [named("[2,3]", e.cast(argMax(x(2, 3)), "float32")), named("[2,2,4]", e.cast(argMax(x(2, 2, 4)), "float32"))],
};

const typesIn = (outputs: Iterable<Value>) =>
  new Set(nodesOf(outputs).flatMap(({ op, outputs: [v] }) => (isInput(v!) || isConstant(v!) ? [] : [op.type])));
const differentiable = (name: string) => typeof ops[name]!.gradient === "function";

// onnxruntime computes in float32 (2⁻²⁴ = 6e-8 an operation, a few dozen of them, and its own exp, tanh and erf are
// polynomials good to about 2e-7). A wrong rule is wrong by 1e-2 or more.
const TOLERANCE = 1e-6; // worst seen: 3e-7, LayerNormalization

describe("gradient rules against central differences", () => {
  for (const [name, list] of Object.entries(cases)) {
    it.each(list)(`${name}: $what`, async ({ value, feeds = {} }) => {
      expect(typesIn([value])).toContain(name);
      const { value: error, gradients } = await checkGradient(value, feeds, { valueOnly: !differentiable(name) });
      expect(error, "value").toBeLessThan(TOLERANCE);
      for (const [target, gradientError] of Object.entries(gradients)) {
        expect(gradientError, `gradient of ${target}`).toBeLessThan(TOLERANCE);
      }
    });
  }

  it("has a case for every op, and the reference knows every op", () => {
    expect(Object.keys(cases).sort()).toEqual(Object.keys(ops).sort());
    expect([...known].sort()).toEqual(Object.keys(ops).sort());
    for (const [name, list] of Object.entries(cases)) expect(list.length, name).toBeGreaterThan(0);
  });

  it.each(Object.keys(ops))("%s is recorded under ONNX's name", (name) => expect(ops[name]!.type).toBe(name));
});

describe("the centred LayerNormalization", () => {
  it("is wrong where its promise is broken, so its case above means something", async () => {
    const uncentred = constant(float32([1, 2, 3, 4, 5, 6, 7, 9], [4, 2]));
    const value = matMul(standardize(x(3, 4), 1e-5, true), uncentred);
    const { gradients } = await checkGradient(value, { x: uniform("x", [3, 4]) });
    expect(gradients.x).toBeGreaterThan(1e-2);
  });
});

describe("MaxPool where pixels tie", () => {
  it("shares the gradient equally among the largest", async () => {
    const value = maxPool2(x(1, 1, 2, 4));
    const seed = float32([12, 20], [1, 1, 1, 2]);
    const tied = float32([5, 5, 1, 3, 5, 2, 3, 3], [1, 1, 2, 4]); // cells 5 5 5 2 and 1 3 3 3
    const { "grad.x": gradient } = await evaluate(withGradients(value), { x: tied, seed });
    const third = Math.fround(20 / 3);
    expect(Array.from(gradient!.data as Float32Array)).toEqual([4, 4, 0, third, 4, 0, third, third]);
  });
});

describe("maps of a batch known at run time", () => {
  it("are convolved, pooled and enlarged", async () => {
    const maps = input("x", [-1, 2, 4, 4], "batch");
    const y = upsample2(maxPool2(e.relu(conv(maps, z(3, 2, 3, 3), input("bias", [3], "parameter")))));
    expect(y.shape).toEqual([-1, 3, 4, 4]);
    const feeds = { x: uniform("x", [3, 2, 4, 4]), z: uniform("z", [3, 2, 3, 3]), bias: uniform("bias", [3]) };
    const { y: result } = await evaluate({ y }, feeds);
    expect(result!.shape).toEqual([3, 3, 4, 4]);
  });
});

describe("BEiT's graphs", () => {
  const tiny = {
    ...presets.tiny,
    imageSize: [32, 32] as const,
    patchSize: 16,
    hiddenSize: 8,
    numHeads: 2,
    intermediateSize: 16,
    numLayers: 2,
    vocabSize: 12,
    dropPathRate: 0.1,
  };
  const variants = [
    { useRelativePositionBias: true, useSharedRelativePositionBias: false },
    { useSharedRelativePositionBias: true },
    { useAbsolutePositions: true, useSharedRelativePositionBias: false },
    { useMeanPooling: false, hiddenDropout: 0.1, attentionDropout: 0.1 },
    { layerScaleInit: 0 },
    ...["gelu_new", "relu", "silu", "quick_gelu", "tanh", "sigmoid"].map((hiddenAct) => ({ hiddenAct })),
  ].map((changes) => ({ ...tiny, ...changes }));

  it.each(variants)("use ops of the vocabulary only (%#)", (config) => {
    const trace = createTrace();
    const scope = createScope(trace, true);
    const pixels = batchInput(trace, "pixel_values", [2, 3, 32, 32]);
    const { logits } = classify(scope, config, pixels);
    const loss = softCrossEntropy(logits, batchInput(trace, "targets", [2, 2]));
    const masked = createTrace();
    const { maskedLogits } = predictVisualTokens(
      createScope(masked, true),
      config,
      batchInput(masked, "pixel_values", [2, 3, 32, 32]),
      batchInput(masked, "bool_masked_pos", [2, 4]),
      batchInput(masked, "masked_rows", [3], "int64"),
    );
    const pretraining = crossEntropy(maskedLogits!, batchInput(masked, "labels", [3], "int64"));
    const graphs = [
      trainingGraphs({ loss, logits }, trace.parameters),
      trainingGraphs({ loss: pretraining }, masked.parameters),
    ];
    const plain = [
      traceOutputs(config, "classification", { batch: 2, labels: "indices" }),
      traceOutputs(config, "masked-image-modelling", { batch: 2, labels: "indices", maskedCount: 3 }),
      traceOutputs({ ...config, problemType: "multi_label_classification" }, "classification", {
        batch: 2,
        labels: "targets",
      }),
      traceOutputs({ ...config, labels: ["one"] }, "classification", { batch: 2, labels: "targets" }),
    ];
    const all = [
      ...graphs.flatMap(({ prepare, micro, finish }) => [prepare, micro, finish]),
      ...plain.map((p) => p.outputs),
    ];
    const used = typesIn(all.flatMap((outputs) => Object.values(outputs)));
    expect([...used].filter((type) => !(type in ops))).toEqual([]);
    expect(used.size).toBeGreaterThan(15);
  });
});
