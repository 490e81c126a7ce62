import { describe, expect, it } from "vitest";
import { gradients } from "../../src/graph/gradient.ts";
import { input, scalar, type Value } from "../../src/graph/value.ts";
import { activations, layerNorm, linear, withNoise } from "../../src/nn/layers.ts";
import { binaryCrossEntropy, crossEntropy, meanSquaredError, softCrossEntropy } from "../../src/nn/loss.ts";
import { createScope, createTrace } from "../../src/nn/scope.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, int64, type Tensor } from "../../src/tensor/tensor.ts";
import { checkGradient, uniform, worstError } from "./check.ts";
import { erf } from "./reference.ts";

// Layers and losses against their formulas, in float64 and written another way than in src/nn.

/** Values and derivatives of a function of one number as the graph gives them. */
async function curve(f: (x: Value) => Value, points: readonly number[]) {
  const x = input("x", [points.length], "batch");
  const y = f(x);
  const [slope] = gradients([{ value: y, seed: input("ones", [points.length], "batch") }], [x]);
  const ones = float32(
    points.map(() => 1),
    [points.length],
  );
  const results = await evaluate({ y, slope: slope! }, { x: float32(points, [points.length]), ones }, { threads: 1 });
  return { y: results.y!.data as Float32Array, slope: results.slope!.data as Float32Array };
}

interface Formula {
  readonly f: (x: number) => number;
  readonly slope: (x: number) => number;
}

const sigma = (x: number) => 1 / (1 + Math.exp(-x));
const bell = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const cumulative = (x: number) => (1 + erf(x / Math.SQRT2)) / 2;
const gelu: Formula = { f: (x) => x * cumulative(x), slope: (x) => cumulative(x) + x * bell(x) };
// ½ x (1 + tanh z) is x σ(2z), z = √(2/π) (x + 0.044715 x³)
const twiceZ = (x: number) => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
const geluTanh: Formula = {
  f: (x) => x * sigma(twiceZ(x)),
  slope: (x) => {
    const s = sigma(twiceZ(x));
    return s + x * s * (1 - s) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  },
};
const swish = (beta: number): Formula => ({
  f: (x) => x * sigma(beta * x),
  slope: (x) => sigma(beta * x) + beta * x * sigma(beta * x) * (1 - sigma(beta * x)),
});
const formulas: Readonly<Record<string, Formula>> = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu: { f: (x) => Math.max(x, 0), slope: (x) => (x > 0 ? 1 : 0) },
  silu: swish(1),
  swish: swish(1),
  quick_gelu: swish(1.702),
  tanh: { f: Math.tanh, slope: (x) => 1 / Math.cosh(x) ** 2 },
  sigmoid: { f: sigma, slope: (x) => sigma(x) * sigma(-x) },
};

/** From −30 to 30, dense around 0, with 0 itself. */
const points = [-30, -12, -8, -6, 6, 8, 12, 30, ...Array.from({ length: 81 }, (_, i) => (i - 40) / 10)].map(
  Math.fround,
);

describe("activations and their derivatives", () => {
  it.each(Object.keys(activations))("%s", async (name) => {
    const { f, slope } = formulas[name]!;
    const found = await curve(activations[name]!, points);
    for (const [i, x] of points.entries()) {
      // The polynomials of erf, tanh and the sigmoid are good to 1e-6 of what they are added to, so times |x|.
      const close = 1e-6 * (1 + Math.abs(x));
      expect(Math.abs(found.y[i]! - f(x)), `${name}(${x})`).toBeLessThan(close);
      expect(Math.abs(found.slope[i]! - slope(x)), `${name}′(${x})`).toBeLessThan(close);
    }
  });
});

const rows = [
  [0.5, -1.25, 2, 0],
  [3, 3, -3, 1],
  [-40, 30, 25, 0.5], // far apart: the loss must not overflow
];
const logSoftmax = (row: readonly number[]) => {
  const most = Math.max(...row);
  const sum = row.reduce((s, v) => s + Math.exp(v - most), 0);
  return row.map((v) => v - most - Math.log(sum));
};
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** A loss and its gradients by the inputs named. */
async function lossOf(loss: Value, by: readonly Value[], feeds: Record<string, Tensor>) {
  const found = gradients([{ value: loss, seed: scalar(1) }], by);
  const outputs = { loss, ...Object.fromEntries(found.map((g, i) => [`g${i}`, g!])) };
  const results = await evaluate(outputs, feeds, { threads: 1 });
  return {
    loss: (results.loss!.data as Float32Array)[0]!,
    gradients: by.map((_, i) => results[`g${i}`]!.data as Float32Array),
  };
}

describe("losses and their gradients", () => {
  const logits = input("logits", [3, 4], "batch");
  const given = { logits: float32(rows.flat(), [3, 4]) };

  it("crossEntropy", async () => {
    const classes = [2, 0, 1];
    const labels = input("labels", [3], "batch", "int64");
    const found = await lossOf(crossEntropy(logits, labels), [logits], { ...given, labels: int64(classes, [3]) });
    expect(found.loss).toBeCloseTo(mean(rows.map((row, i) => -logSoftmax(row)[classes[i]!]!)), 5);
    const expected = rows.flatMap((row, i) =>
      logSoftmax(row).map((v, k) => (Math.exp(v) - Number(k === classes[i])) / 3),
    );
    expect(worstError(found.gradients[0]!, expected)).toBeLessThan(1e-6);
  });

  it("softCrossEntropy, by logits and by targets", async () => {
    const distributions = [
      [0.1, 0.2, 0.3, 0.4],
      [0.925, 0.025, 0.025, 0.025], // smoothed by 0.1
      [0, 0.6, 0.4, 0],
    ];
    const targets = input("targets", [3, 4], "batch");
    const found = await lossOf(softCrossEntropy(logits, targets), [logits, targets], {
      ...given,
      targets: float32(distributions.flat(), [3, 4]),
    });
    const cross = (row: readonly number[], i: number) =>
      logSoftmax(row).reduce((s, v, k) => s - v * distributions[i]![k]!, 0);
    expect(found.loss).toBeCloseTo(mean(rows.map(cross)), 5);
    const byLogits = rows.flatMap((row, i) => logSoftmax(row).map((v, k) => (Math.exp(v) - distributions[i]![k]!) / 3));
    expect(worstError(found.gradients[0]!, byLogits)).toBeLessThan(1e-6);
    expect(
      worstError(
        found.gradients[1]!,
        rows.flatMap((row) => logSoftmax(row).map((v) => -v / 3)),
      ),
    ).toBeLessThan(1e-6);
  });

  it("softCrossEntropy of one-hot rows is crossEntropy", async () => {
    const labels = input("labels", [3], "batch", "int64");
    const targets = input("targets", [3, 4], "batch");
    const hot = [2, 0, 1].flatMap((label) => [0, 1, 2, 3].map((k) => Number(k === label)));
    const feeds = { ...given, labels: int64([2, 0, 1], [3]), targets: float32(hot, [3, 4]) };
    const [a, b] = [
      await lossOf(crossEntropy(logits, labels), [logits], feeds),
      await lossOf(softCrossEntropy(logits, targets), [logits], feeds),
    ];
    expect(a.loss).toBeCloseTo(b.loss, 5);
    expect(worstError(a.gradients[0]!, b.gradients[0]!)).toBeLessThan(1e-6);
  });

  it("meanSquaredError", async () => {
    const target = input("target", [3, 4], "batch");
    const other = uniform("target", [3, 4]);
    const found = await lossOf(meanSquaredError(logits, target), [logits, target], { ...given, target: other });
    const differences = rows.flat().map((v, i) => v - other.data[i]!);
    const expected = mean(differences.map((d) => d * d));
    expect(Math.abs(found.loss / expected - 1)).toBeLessThan(1e-6);
    const byLogits = differences.map((d) => (2 * d) / 12);
    expect(worstError(found.gradients[0]!, byLogits)).toBeLessThan(1e-6);
    expect(
      worstError(
        found.gradients[1]!,
        byLogits.map((v) => -v),
      ),
    ).toBeLessThan(1e-6);
  });

  it("binaryCrossEntropy, at logits of exactly 0 too", async () => {
    const targets = input("targets", [3, 4], "batch");
    const probabilities = [0, 1, 0.25, 0.25, 1, 0.5, 0, 1, 0.9, 1, 0, 0.75];
    const values = [...rows.flat()];
    values[3] = 0;
    values[6] = -0;
    const found = await lossOf(binaryCrossEntropy(logits, targets), [logits, targets], {
      logits: float32(values, [3, 4]),
      targets: float32(probabilities, [3, 4]),
    });
    const each = values.map((x, i) => {
      const t = Math.fround(probabilities[i]!);
      return t * softplus(-x) + (1 - t) * softplus(x); // −t log σ(x) − (1 − t) log σ(−x)
    });
    expect(found.loss).toBeCloseTo(mean(each), 5);
    const byLogits = values.map((x, i) => (sigma(x) - probabilities[i]!) / 12);
    expect(worstError(found.gradients[0]!, byLogits)).toBeLessThan(1e-6);
    expect(
      worstError(
        found.gradients[1]!,
        values.map((x) => -x / 12),
      ),
    ).toBeLessThan(1e-6);
  });

  it("are finite and right where exponentials over- or underflow", async () => {
    const wide = input("wide", [2, 2], "batch");
    const feeds = {
      wide: float32([200, -200, -1000, 1000], [2, 2]),
      labels: int64([1, 1], [2]),
      targets: float32([0, 0, 0, 1], [2, 2]),
    };
    const cross = await lossOf(crossEntropy(wide, input("labels", [2], "batch", "int64")), [wide], feeds);
    expect(cross.loss).toBe(200);
    expect(Array.from(cross.gradients[0]!)).toEqual([0.5, -0.5, 0, 0]);
    const binary = await lossOf(binaryCrossEntropy(wide, input("targets", [2, 2], "batch")), [wide], feeds);
    expect(binary.loss).toBe(50);
    expect(Array.from(binary.gradients[0]!)).toEqual([0.25, 0, 0, 0]);
  });
});

const softplus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

describe("layers against central differences", () => {
  const x = input("x", [3, 2, 4], "batch");
  it("linear, with and without bias", async () => {
    const trace = createTrace();
    const scope = createScope(trace);
    const y = linear(scope.child("b"), linear(scope.child("a"), x, 5), 3, { bias: false });
    expect([...trace.parameters].map(([name, { shape }]) => [name, shape])).toEqual([
      ["a.weight", [5, 4]],
      ["a.bias", [5]],
      ["b.weight", [3, 5]],
    ]);
    const report = await checkGradient(y, {});
    for (const error of [report.value, ...Object.values(report.gradients)]) expect(error).toBeLessThan(1e-6);
  });

  it("layerNorm", async () => {
    const y = layerNorm(createScope(createTrace()).child("norm"), x, 1e-6);
    const { gradients: errors } = await checkGradient(y, {});
    expect(Object.keys(errors)).toEqual(["x", "norm.weight", "norm.bias"]);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(1e-6);
  });

  it("dropout: noise multiplies the value and its gradient", async () => {
    const [name, shape] = ["dropout", [3, 2, 4]];
    const trace = createTrace();
    const noise = createScope(trace, true).child("layer").noise(name, shape, 1, 0.25);
    expect(trace.noise.get(`noise.layer.${name}`)?.spec).toEqual({
      kind: "factor",
      name: `noise.layer.${name}`,
      shape,
      batchAxis: 1,
      keep: 0.75,
    });
    const drawn = uniform("drawn", shape, 0, 1);
    const values = { ...drawn, data: drawn.data.map((v) => (v < 0.75 ? 1 / 0.75 : 0)) };
    const y = withNoise(activations.gelu!(x), noise);
    const report = await checkGradient(y, { [`noise.layer.${name}`]: values });
    expect(report.value).toBeLessThan(1e-6);
    expect(report.gradients.x).toBeLessThan(1e-6);
  });

  it("noise is asked for in training and at a rate above 0 only", () => {
    const trace = createTrace();
    expect(createScope(trace, false).noise("dropout", [2], 0, 0.5)).toBeUndefined();
    expect(createScope(trace, true).noise("dropout", [2], 0, 0)).toBeUndefined();
    expect(createScope(trace, false).survivors("drop_path", 2, 0.5)).toBeUndefined();
    expect(createScope(trace, true).survivors("drop_path", 2, 0)).toBeUndefined();
    expect(trace.noise.size).toBe(0);
    expect(withNoise(x, undefined) === x).toBe(true);
  });

  it("a parameter asked twice is the same; with another shape it is an error", () => {
    const scope = createScope(createTrace()).child("a.b");
    const [first, second] = [scope.parameter("w", [2, 3]), scope.parameter("w", [2, 3])];
    expect(first === second).toBe(true);
    expect(() => scope.parameter("w", [3, 2])).toThrow("parameter a.b.w: asked as [3,2], known as [2,3]");
  });
});
