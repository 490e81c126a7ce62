import { describe, expect, it } from "vitest";
import { type BeitConfig, presets } from "../../src/beit/config.ts";
import { classify, type PatchSubset, predictVisualTokens } from "../../src/beit/model.ts";
import { relativePositionIndex } from "../../src/beit/position.ts";
import { gradients } from "../../src/graph/gradient.ts";
import { newSumName, sumName, type TrainingGraphs, trainingGraphs } from "../../src/graph/training.ts";
import { inputName, isInput, scalar, type Value } from "../../src/graph/value.ts";
import { nodesOf } from "../../src/graph/walk.ts";
import { crossEntropy, softCrossEntropy } from "../../src/nn/loss.ts";
import { batchInput, createScope, createTrace, type NoiseSpec, type Trace } from "../../src/nn/scope.ts";
import { compile, evaluate } from "../../src/session/session.ts";
import { random } from "../../src/tensor/random.ts";
import { float32, int64, sizeOf, type Tensor, zeros } from "../../src/tensor/tensor.ts";
import { relativeError } from "../parity/golden.ts";
import { uniform } from "./check.ts";

const BATCH = 6;
const MICRO = 2;
const ONE = { threads: 1 }; // graphs this small gain nothing from a second thread

const config: BeitConfig = {
  ...presets.tiny,
  imageSize: [16, 24],
  patchSize: 8,
  hiddenSize: 12,
  numHeads: 3,
  numLayers: 2,
  intermediateSize: 20,
  vocabSize: 7,
  labels: ["a", "b", "c", "d", "e"],
  useSharedRelativePositionBias: false,
  useMaskToken: false,
  layerNormEps: 1e-6,
  dropPathRate: 0,
};
const PATCHES = 6;

/** One model traced for a batch size; its batch inputs count samples along `axes`. */
interface Traced {
  readonly trace: Trace;
  readonly loss: Value;
}

function classification(c: BeitConfig, batch: number): Traced {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [batch, 3, ...c.imageSize]);
  const { logits } = classify(createScope(trace, true), c, pixels);
  return { trace, loss: softCrossEntropy(logits, batchInput(trace, "targets", [batch, c.labels.length])) };
}

/** As fine-tuning with PatchDropout sees it: patches 0, 3 and 4 of 6. */
function subset(c: BeitConfig, batch: number): Traced {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [batch, 3, ...c.imageSize]);
  const chosen: PatchSubset = {
    patches: batchInput(trace, "patches", [3], "int64"),
    positions: batchInput(trace, "positions", [16], "int64"),
  };
  const { logits } = classify(createScope(trace, true), c, pixels, { subset: chosen });
  return { trace, loss: softCrossEntropy(logits, batchInput(trace, "targets", [batch, c.labels.length])) };
}

/** Two masked patches a picture, so that the mean over micro-batches is the mean over the batch. */
function masked(c: BeitConfig, batch: number): Traced {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [batch, 3, ...c.imageSize]);
  const mask = batchInput(trace, "bool_masked_pos", [batch, PATCHES]);
  const rows = batchInput(trace, "masked_rows", [2 * batch], "int64");
  const { maskedLogits } = predictVisualTokens(createScope(trace, true), c, pixels, mask, rows);
  return { trace, loss: crossEntropy(maskedLogits!, batchInput(trace, "labels", [2 * batch], "int64")) };
}

const maskedAt = (sample: number) => [sample % PATCHES, (sample + 2) % PATCHES];

/** Values of the inputs for samples `from` to `from + count`. */
function feedsOf({ trace }: Traced, from: number, count: number): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (const [name, { shape }] of trace.inputs) {
    const whole = uniform(name, [BATCH, ...shape.slice(1)], 0, 1);
    const each = sizeOf(shape.slice(1));
    feeds[name] = float32(whole.data.slice(from * each, (from + count) * each), [count, ...shape.slice(1)]);
  }
  const samples = Array.from({ length: count }, (_, b) => b);
  const mask = samples.map((b) => Array.from({ length: PATCHES }, (_, p) => Number(maskedAt(from + b).includes(p))));
  const positions = samples.flatMap((b) => maskedAt(from + b).map((p) => ({ p, b })));
  const index = relativePositionIndex([2, 3]);
  const kept = [0, 1, 4, 5]; // tokens: [CLS] and patches 0, 3, 4
  const special: Record<string, Tensor> = {
    bool_masked_pos: float32(mask.flat(), [count, PATCHES]),
    masked_rows: int64(
      positions.map(({ p, b }) => p * count + b),
      [2 * count],
    ),
    labels: int64(
      positions.map(({ p, b }) => (3 * p + 5 * (from + b)) % config.vocabSize),
      [2 * count],
    ),
    patches: int64([0, 3, 4], [3]),
    positions: int64(
      kept.flatMap((q) => kept.map((k) => index[q * (PATCHES + 1) + k]!)),
      [16],
    ),
  };
  for (const name of trace.inputs.keys()) feeds[name] = special[name] ?? feeds[name]!;
  for (const [name, { spec }] of trace.noise) feeds[name] = noiseOf(spec, from, count);
  return feeds;
}

/** Each sample's noise comes from its own stream, whatever the batch. */
function noiseOf(spec: NoiseSpec, from: number, count: number): Tensor {
  const { name, keep } = spec;
  if (spec.kind === "survivors") {
    const stay = Array.from({ length: count }, (_, b) => b).filter((b) => random(name, from + b).uniform() < keep);
    return int64(stay, [stay.length]);
  }
  const { shape, batchAxis: axis } = spec;
  const [outer, inner] = [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis + 1))];
  const data = new Float32Array(sizeOf(shape));
  for (let b = 0; b < count; b++) {
    const stream = random(name, from + b);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) data[(o * count + b) * inner + i] = stream.uniform() < keep ? 1 / keep : 0;
    }
  }
  return { dtype: "float32", shape, data };
}

const valuesOf = ({ trace }: Traced) =>
  Object.fromEntries([...trace.parameters].map(([name, { shape }]) => [name, uniform(name, shape, -0.7, 0.7)]));

/** Loss and gradients of the whole batch by the graph as it was traced. */
async function plainly(traced: Traced): Promise<Record<string, Tensor>> {
  const { trace, loss } = traced;
  const parameters = [...trace.parameters];
  const found = gradients(
    [{ value: loss, seed: scalar(1) }],
    parameters.map(([, value]) => value),
  );
  const named = parameters.flatMap(([name], i) => (found[i] ? [[`grad.${name}`, found[i]] as const] : []));
  return evaluate({ loss, ...Object.fromEntries(named) }, { ...valuesOf(traced), ...feedsOf(traced, 0, BATCH) }, ONE);
}

const read = (outputs: Readonly<Record<string, Value>>) =>
  nodesOf(Object.values(outputs)).flatMap(({ outputs: [v] }) => (isInput(v!) ? [inputName(v!)] : []));

/** The same in three parts, micro-batch by micro-batch, sums written over themselves. */
async function inParts(graphs: TrainingGraphs, traced: Traced): Promise<Record<string, Tensor>> {
  const parameters = valuesOf(traced);
  const computed = Object.keys(graphs.prepare).length ? await evaluate(graphs.prepare, parameters, ONE) : {};
  const prepared = Object.fromEntries(
    [...graphs.prepared.keys()].map((name) => [name, computed[name] ?? parameters[name]!]),
  );
  const sums = Object.fromEntries(graphs.summed.map((name) => [sumName(name), zeros(graphs.prepared.get(name)!)]));
  const into = Object.fromEntries(graphs.summed.map((name) => [newSumName(name), sums[sumName(name)]!]));
  const micro = await compile(graphs.micro, ONE);
  let loss = 0;
  for (let from = 0; from < BATCH; from += MICRO) {
    const results = await micro.run({ ...prepared, ...sums, ...feedsOf(traced, from, MICRO) }, into);
    loss += (results.loss!.data as Float32Array)[0]! / (BATCH / MICRO);
  }
  await micro.release();
  return { loss: float32([loss], []), ...(await evaluate(graphs.finish, { ...parameters, ...sums }, ONE)) };
}

/** Relative L2 of everything found against the plain batch. */
async function errors(graphs: TrainingGraphs, small: Traced, large: Traced): Promise<Record<string, number>> {
  const [expected, actual] = [await plainly(large), await inParts(graphs, small)];
  const steps = BATCH / MICRO;
  return Object.fromEntries(
    Object.entries(actual).map(([name, { data }]) => {
      const scaled = Array.from(data as Float32Array, (v) => (name === "loss" ? v : v / steps));
      return [name, relativeError(scaled, expected[name]!.data as Float32Array)];
    }),
  );
}

type Tracer = (c: BeitConfig, batch: number) => Traced;
const variants: readonly (readonly [string, Partial<BeitConfig>, Tracer])[] = [
  ["no positions", {}, classification],
  ["relative bias per layer", { useRelativePositionBias: true }, classification],
  ["shared relative bias", { useSharedRelativePositionBias: true }, classification],
  [
    "both biases, absolute positions",
    { useRelativePositionBias: true, useSharedRelativePositionBias: true, useAbsolutePositions: true },
    classification,
  ],
  ["absolute positions", { useAbsolutePositions: true }, classification],
  ["[CLS] pooling", { useMeanPooling: false }, classification],
  ["no layer scale", { layerScaleInit: 0, useRelativePositionBias: true }, classification],
  ["drop-path", { dropPathRate: 0.4, useSharedRelativePositionBias: true }, classification],
  ["drop-path, most branches dropped by all", { dropPathRate: 0.9, useRelativePositionBias: true }, classification],
  ["dropout everywhere", { hiddenDropout: 0.3, attentionDropout: 0.3, dropPathRate: 0.3 }, classification],
  ["dropout, no layer scale", { hiddenDropout: 0.3, layerScaleInit: 0 }, classification],
  ["GELU by tanh", { hiddenAct: "gelu_new" }, classification],
  ["SiLU", { hiddenAct: "silu" }, classification],
  ["a subset of the patches", { useSharedRelativePositionBias: true }, subset],
  ["a subset, bias per layer, drop-path", { useRelativePositionBias: true, dropPathRate: 0.4 }, subset],
  ["masked image modelling", { useMaskToken: true, useSharedRelativePositionBias: true, useMeanPooling: true }, masked],
  [
    "masked, absolute positions, noise",
    { useMaskToken: true, useAbsolutePositions: true, dropPathRate: 0.3, hiddenDropout: 0.2 },
    masked,
  ],
  ["masked, final LayerNorm twice", { useMaskToken: true, useMeanPooling: false }, masked],
];

describe("prepare, micro and finish give the plain gradients of the whole batch", () => {
  it.each(variants)("%s", async (_, changes, tracer) => {
    const changed = { ...config, ...changes };
    const [small, large] = [tracer(changed, MICRO), tracer(changed, BATCH)];
    const graphs = trainingGraphs({ loss: small.loss }, small.trace.parameters);
    const found = await errors(graphs, small, large);
    expect(Object.keys(found).length).toBe(1 + small.trace.parameters.size - unused(changed, tracer));
    for (const [name, error] of Object.entries(found)) expect(error, name).toBeLessThan(1e-5);
  });

  it("without folding too", async () => {
    const changed = { ...config, useRelativePositionBias: true, dropPathRate: 0.4 };
    const [small, large] = [classification(changed, MICRO), classification(changed, BATCH)];
    const graphs = trainingGraphs({ loss: small.loss }, small.trace.parameters, { fold: false });
    for (const [name, error] of Object.entries(await errors(graphs, small, large)))
      expect(error, name).toBeLessThan(1e-5);
  });
});

/** Parameters that a configuration asks for and the loss does not read: a mask token without a mask. */
const unused = (c: BeitConfig, tracer: Tracer) => Number(c.useMaskToken && tracer !== masked);

describe("frozen parameters", () => {
  const changed = { ...config, useSharedRelativePositionBias: true, useMaskToken: true };
  const [small, large] = [classification(changed, MICRO), classification(changed, BATCH)];
  const of = (pattern: RegExp) => new Map([...small.trace.parameters].filter(([name]) => pattern.test(name)));

  it.each([
    ["the head", /^classifier/],
    ["the head and the last block", /^classifier|pooler|layer\.1\./],
    ["biases and LayerNorms", /bias$|layernorm/],
    ["the position table", /table$/],
  ])("all but %s: the same gradients for these and none for others", async (_, pattern) => {
    const trainable = of(pattern);
    const graphs = trainingGraphs({ loss: small.loss }, trainable);
    const found = await errors(graphs, small, large);
    expect(Object.keys(found).sort()).toEqual(["loss", ...[...trainable.keys()].map((name) => `grad.${name}`)].sort());
    for (const [name, error] of Object.entries(found)) expect(error, name).toBeLessThan(1e-5);
  });

  it("cost no sums, and no backward pass below them", () => {
    const whole = trainingGraphs({ loss: small.loss }, small.trace.parameters);
    const head = trainingGraphs({ loss: small.loss }, of(/^classifier/));
    expect(head.summed.length).toBe(2);
    expect(read(head.micro).filter((name) => name.startsWith("sum."))).toEqual(head.summed.map(sumName));
    const forward = nodesOf([whole.micro.loss!]).length;
    expect(nodesOf(Object.values(head.micro)).length).toBeLessThan(forward + 30);
    expect(nodesOf(Object.values(whole.micro)).length).toBeGreaterThan(2 * forward);
  });

  it("that the loss does not read have no gradient when they are trainable", () => {
    const { finish } = trainingGraphs({ loss: small.loss }, small.trace.parameters);
    expect(small.trace.parameters.has("beit.embeddings.mask_token")).toBe(true);
    expect(Object.keys(finish)).not.toContain("grad.beit.embeddings.mask_token");
  });

  it("all of them leave a graph that only reports", () => {
    const { summed, finish, micro } = trainingGraphs({ loss: small.loss }, new Map());
    expect([summed, Object.keys(finish), Object.keys(micro)]).toEqual([[], [], ["loss"]]);
  });
});

it("prepared values are read by the micro graph, and nothing else of the parameters", () => {
  const { trace, loss } = classification({ ...config, useRelativePositionBias: true }, MICRO);
  const graphs = trainingGraphs({ loss }, trace.parameters);
  const allowed = new Set([...graphs.prepared.keys(), ...graphs.summed.map(sumName), ...trace.inputs.keys()]);
  expect(read(graphs.micro).filter((name) => !allowed.has(name))).toEqual([]);
  expect(read(graphs.prepare).filter((name) => !trace.parameters.has(name))).toEqual([]);
  const finishing = new Set([...trace.parameters.keys(), ...graphs.summed.map(sumName)]);
  expect(read(graphs.finish).filter((name) => !finishing.has(name))).toEqual([]);
});
