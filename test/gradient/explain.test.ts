import { describe, expect, it } from "vitest";
import { type BeitConfig, presets } from "../../src/beit/config.ts";
import { traceExplanation } from "../../src/beit/explain.ts";
import { classify } from "../../src/beit/model.ts";
import { fold } from "../../src/graph/fold.ts";
import { lower } from "../../src/graph/lower.ts";
import { inputName } from "../../src/graph/value.ts";
import { batchInput, createScope, createTrace } from "../../src/nn/scope.ts";
import { compile, evaluate } from "../../src/session/session.ts";
import { float32, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { uniform } from "./check.ts";

const base: BeitConfig = {
  ...presets.tiny,
  imageSize: [16, 24],
  patchSize: 8,
  hiddenSize: 12,
  numHeads: 3,
  numLayers: 3,
  intermediateSize: 20,
  labels: ["a", "b", "c", "d"],
  useMaskToken: false,
  layerScaleInit: 1,
  dropPathRate: 0,
  attentionDropout: 0.5, // its noise multiplies the attention: a handle for finite differences
};
const [N, h, L] = [7, 3, 3];
const CLASS = 2;
const cases = [
  ["mean pooling", base],
  ["[CLS] pooling", { ...base, useMeanPooling: false }],
] as const;

type Matrix = number[][];

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => row.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const identity: Matrix = Array.from({ length: N }, (_, i) => Array.from({ length: N }, (_, j) => (i === j ? 1 : 0)));

/** The model with all noise at 1: attention of every layer, and the class's logit for given noise. */
async function openModel(config: BeitConfig) {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [1, 3, ...config.imageSize]);
  const { logits, taps } = classify(createScope(trace, true), config, pixels);
  const attentions = Object.fromEntries(Array.from({ length: L }, (_, i) => [`${i}`, taps[`attentions.${i}`]!]));
  const session = await compile({ logits, ...attentions }, { threads: 1 });
  const feeds: Record<string, Tensor<"float32">> = { pixel_values: uniform("pixels", [1, 3, ...config.imageSize]) };
  for (const [name, { shape }] of trace.parameters) feeds[name] = uniform(name, shape, -0.6, 0.6);
  const noise = [...trace.noise.values()].map(({ value }) => value);
  for (const value of noise) {
    const { shape } = value;
    feeds[inputName(value)] = float32(new Float32Array(sizeOf(shape)).fill(1), shape);
  }
  const multipliers = noise.map(inputName).filter((name) => name.includes("attention_dropout"));
  expect(multipliers.length).toBe(L);
  return { session, feeds, multipliers };
}

/** Mean over heads of a [1, h, N, N] array after a change of each element. */
function overHeads(data: ArrayLike<number>, change: (value: number) => number): Matrix {
  const at = (head: number, i: number, j: number) => change(data[(head * N + i) * N + j]!);
  const mean = (i: number, j: number) => (at(0, i, j) + at(1, i, j) + at(2, i, j)) / h;
  return identity.map((row, i) => row.map((_, j) => mean(i, j)));
}

/** The row of patches that a pooling reads. */
function seen(flow: Matrix, config: BeitConfig): number[] {
  const rows = config.useMeanPooling ? flow.slice(1) : flow.slice(0, 1);
  return Array.from({ length: N - 1 }, (_, p) => rows.reduce((sum, row) => sum + row[p + 1]!, 0) / rows.length);
}

async function heatOf(config: BeitConfig, method: "gradient" | "rollout", feeds: Record<string, Tensor>) {
  const { trace, outputs } = traceExplanation(config, method);
  const oneHot = Float32Array.from(config.labels, (_, k) => (k === CLASS ? 1 : 0));
  const given = { ...feeds, class: float32(oneHot, [1, 4]) };
  expect([...trace.inputs.keys()]).toEqual(method === "gradient" ? ["pixel_values", "class"] : ["pixel_values"]);
  const { heat } = await evaluate(lower(fold({ heat: outputs.heat })), given, { threads: 1 });
  expect(heat!.shape).toEqual([2, 3]);
  return heat!.data as Float32Array;
}

describe.each(cases)("explanations with %s", (_, config) => {
  it("roll attention out over the layers", async () => {
    const { session, feeds } = await openModel(config);
    const results = await session.run(feeds);
    await session.release();
    const layers = Array.from({ length: L }, (_, i) =>
      overHeads(results[`${i}`]!.data as Float32Array, (a) => a / 2).map((row, r) =>
        row.map((value, c) => value + identity[r]![c]! / 2),
      ),
    );
    const expected = seen(
      layers.reduce((below, layer) => product(layer, below)),
      config,
    );
    const heat = await heatOf(config, "rollout", feeds);
    for (const [p, value] of expected.entries()) expect(heat[p]).toBeCloseTo(value, 5);
  });

  it("weigh attention by what the class's logit gains from it, by finite differences", async () => {
    const { session, feeds, multipliers } = await openModel(config);
    const logit = async () => (await session.run(feeds)).logits!.data[CLASS] as number;
    // d logit / d multiplier at 1 is attention times its gradient
    const slopes: number[][] = [];
    for (const name of multipliers) {
      const { data } = feeds[name]!;
      const slope: number[] = [];
      for (let i = 0; i < data.length; i++) {
        data[i] = 1.25;
        const above = await logit();
        data[i] = 0.75;
        slope.push((above - (await logit())) / 0.5);
        data[i] = 1;
      }
      slopes.push(slope);
    }
    await session.release();
    const layers = slopes.map((slope) => overHeads(slope, (value) => Math.max(0, value)));
    const all = layers.reduce(
      (below, layer) => below.map((row, i) => row.map((value, j) => value + product(layer, below)[i]![j]!)),
      identity,
    );
    const without = all.map((row, i) => row.map((value, j) => value - identity[i]![j]!));
    const expected = seen(without, config);
    const largest = Math.max(...expected);
    expect(largest).toBeGreaterThan(0);
    const heat = await heatOf(config, "gradient", feeds);
    for (const [p, value] of expected.entries()) expect(Math.abs(heat[p]! - value)).toBeLessThan(0.01 * largest);
  });
});
