// The graphs that are measured, with inputs of the right sizes and of ordinary values.
import { presets } from "../dist/beit/config.js";
import { inferenceGraph, inferenceModel } from "../dist/evaluate/inference.js";
import { parameterShapes } from "../dist/evaluate/model.js";
import { slice } from "../dist/graph/layout.js";
import { matMul } from "../dist/graph/matmul.js";
import { quantizeProducts } from "../dist/graph/quantize.js";
import { newSumName, sumName } from "../dist/graph/training.js";
import { input } from "../dist/graph/value.js";
import { encodeModel } from "../dist/onnx/encode.js";
import { toModel } from "../dist/onnx/model.js";
import { calibrate } from "../dist/quantize/calibrate.js";
import { evaluate } from "../dist/session/session.js";
import { random } from "../dist/tensor/random.js";
import { sizeOf } from "../dist/tensor/tensor.js";
import { drawNoise, fineTuneStep } from "../dist/train/fine-tune-step.js";

/** A preset as it is fine-tuned by default: 224 px, drop-path 0.1; two labels. */
export const configOf = (preset, size = 224) => ({
  ...presets[preset],
  imageSize: [size, size],
  labels: ["no", "yes"],
});

const float32 = (data, shape) => ({ dtype: "float32", shape, data });

/** Normal values of mean 0; a few thousand different ones, repeated. */
export function normalTensor(shape, deviation = 1) {
  const data = new Float32Array(sizeOf(shape));
  const stream = random("bench", ...shape);
  const values = Float32Array.from({ length: Math.min(data.length, 8191) }, () => deviation * stream.normal());
  for (let i = 0; i < data.length; i += values.length) data.set(values.subarray(0, data.length - i), i);
  return float32(data, shape);
}

function freshParameter(name, shape) {
  if (name.includes("lambda_")) return float32(new Float32Array(sizeOf(shape)).fill(0.1), shape);
  if (shape.length > 1) return normalTensor(shape, 0.02);
  return float32(new Float32Array(sizeOf(shape)).fill(name.endsWith(".weight") ? 1 : 0), shape);
}

/** Parameters of a configuration, as large as fresh ones are. */
export const parametersOf = (config, task = "classification") =>
  new Map([...parameterShapes(config, task)].map(([name, { shape }]) => [name, freshParameter(name, shape)]));

/** Pictures as the processor gives them. */
export const pixelsOf = (config, batch) => normalTensor([batch, config.numChannels, ...config.imageSize]);

/**
 * Two products, [m, k] → [m, n] → [m, k], and one row of the result, so that no time goes into copying it. `packed`:
 * the weights lie in the model, where onnxruntime packs them beforehand, as in prediction; else they are inputs, as in
 * training, where they change with every step.
 */
export function productGraph({ m, k, n, packed }) {
  const inner = matMul(input("x", [m, k], "batch"), input("a", [k, n], "parameter"));
  const outputs = { y: slice(matMul(inner, input("b", [n, k], "parameter")), 0, 0, 1) };
  const weights = new Map([
    ["a", normalTensor([k, n], k ** -0.5)],
    ["b", normalTensor([n, k], n ** -0.5)],
  ]);
  const x = normalTensor([m, k]);
  if (packed) return { model: encodeModel(toModel(outputs, { weights })), feeds: { x }, into: {} };
  return { model: encodeModel(toModel(outputs)), feeds: { x, ...Object.fromEntries(weights) }, into: {} };
}

/** FLOPs of {@link productGraph}. */
export const productFlops = ({ m, k, n }) => 4 * m * k * n;

/** The forward pass of prediction, weights inside; `portable` keeps to standard operators. */
export async function forwardGraph({ preset, batch, size, portable = false }) {
  const config = configOf(preset, size);
  const model = await inferenceModel({ config, parameters: parametersOf(config) }, { portable });
  return { model: encodeModel(model), feeds: { pixel_values: pixelsOf(config, batch) }, into: {} };
}

/** The same with all products that can be quantised as int8, ranges from the input itself. */
export async function int8Graph({ preset, batch }) {
  const config = configOf(preset);
  const graph = await inferenceGraph({ config, parameters: parametersOf(config) });
  const pixels = pixelsOf(config, batch);
  const ranges = await calibrate(graph, [pixels], "percentile");
  const outputs = quantizeProducts(graph.outputs, graph.weights, ranges);
  return {
    model: encodeModel(toModel(outputs, { weights: graph.weights })),
    feeds: { pixel_values: pixels },
    into: {},
  };
}

/** Forward and backward pass of a micro-batch, gradients added to running sums: what a training step repeats. */
export async function microGraph({ preset, batch }) {
  const config = configOf(preset);
  const { graphs, noise } = fineTuneStep(config, batch);
  const parameters = parametersOf(config);
  const computed = await evaluate(graphs.prepare, Object.fromEntries(parameters));
  const prepared = [...graphs.prepared.keys()].map((name) => [name, computed[name] ?? parameters.get(name)]);
  const sums = graphs.summed.map((name) => [name, normalTensor(graphs.prepared.get(name), 0)]);
  const keys = Array.from({ length: batch }, (_, row) => ["bench", row]);
  const feeds = {
    ...Object.fromEntries(prepared),
    ...Object.fromEntries(sums.map(([name, sum]) => [sumName(name), sum])),
    ...Object.fromEntries(noise.map((spec) => [spec.name, noiseTensor(spec, keys)])),
    pixel_values: pixelsOf(config, batch),
    targets: float32(
      Float32Array.from({ length: 2 * batch }, (_, i) => (i % 2 ? 0.95 : 0.05)),
      [batch, 2],
    ),
  };
  const into = Object.fromEntries(sums.map(([name, sum]) => [newSumName(name), sum]));
  return { model: encodeModel(toModel(graphs.micro, { name: "micro" })), feeds, into };
}

function noiseTensor(spec, keys) {
  const data = drawNoise(spec, keys);
  return spec.kind === "survivors" ? { dtype: "int64", shape: [data.length], data } : float32(data, spec.shape);
}

/** What a training step runs once, before its micro-batches or after them. */
async function aroundGraph(kind, { preset }) {
  const { graphs } = fineTuneStep(configOf(preset), 1);
  const sums = graphs.summed.map((name) => [sumName(name), normalTensor(graphs.prepared.get(name))]);
  const known = { ...Object.fromEntries(parametersOf(configOf(preset))), ...Object.fromEntries(sums) };
  const model = toModel(graphs[kind], { name: kind });
  const feeds = Object.fromEntries(model.graph.inputs.map(({ name }) => [name, known[name]]));
  return { model: encodeModel(model), feeds, into: {} };
}
export const prepareGraph = (options) => aroundGraph("prepare", options);
export const finishGraph = (options) => aroundGraph("finish", options);
