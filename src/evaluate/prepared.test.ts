import { expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { traceExplanation } from "../beit/explain.ts";
import { fold } from "../graph/fold.ts";
import { lower } from "../graph/lower.ts";
import { defaultProcessor } from "../image/processor.ts";
import { createEngine } from "../platform/engine.ts";
import { compile } from "../session/session.ts";
import { random } from "../tensor/random.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import type { Model } from "./model.ts";
import { prepareModel } from "./prepared.ts";

const config = {
  ...presets.tiny,
  imageSize: [32, 32] as const,
  patchSize: 8,
  hiddenSize: 12,
  intermediateSize: 16,
  numLayers: 2,
  layerScaleInit: 0.5,
  labels: ["no", "yes"],
};
const { trace, outputs } = traceExplanation(config, "gradient");
const stream = random("prepared");
const normal = (shape: readonly number[], deviation = 1) =>
  float32(
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * stream.normal()),
    shape,
  );
// every bias counts: what folding does to that of the values must not reach the gradient of the attentions
const parameters = new Map([...trace.parameters].map(([name, { shape }]) => [name, normal(shape as number[], 0.5)]));

const model = { config, processor: defaultProcessor(config.imageSize), parameters, source: {} } as unknown as Model;
const files = prepareModel(model, undefined, "test") as Promise<Record<string, Uint8Array>>;

it("the graph for graphics cards classifies as the other does, by its weights", async () => {
  const { "model.onnx": bytes, "float.onnx": graph } = await files;
  const [plain, float] = [
    await createEngine(bytes!),
    await createEngine(graph!, { externalData: { "model.onnx": bytes! }, optimize: true }),
  ];
  const feeds = { pixel_values: normal([2, 3, 32, 32]) };
  const [expected, found] = [await plain.run(feeds), await float.run(feeds)];
  await Promise.all([plain.release(), float.release()]);
  const numbers = ({ logits }: typeof found) => Array.from(logits!.data as Float32Array);
  expect(numbers(found)).toEqual(numbers(expected).map((value) => expect.closeTo(value, 4)));
  expect(graph!.length).toBeLessThan(bytes!.length);
});

it("the graph for pages explains as beit explain does", async () => {
  const { "model.onnx": bytes, "explain.onnx": graph } = await files;
  const engine = await createEngine(graph!, { externalData: { "model.onnx": bytes! } });
  const session = await compile(lower(fold(outputs)), { weights: parameters });
  const feeds = { pixel_values: normal([1, 3, 32, 32]), class: float32([0, 1], [1, 2]) };
  const [page, command] = [await engine.run(feeds), await session.run(feeds)];
  await Promise.all([engine.release(), session.release()]);
  const expected = Array.from(command.heat!.data as Float32Array);
  const scale = Math.max(...expected);
  expect(scale).toBeGreaterThan(0);
  expect(Array.from(page.heat!.data as Float32Array, (v) => v / scale)).toEqual(
    expected.map((v) => expect.closeTo(v / scale, 4)),
  );
});
