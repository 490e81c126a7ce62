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

it("the graph for pages explains as beit explain does", async () => {
  const model = { config, processor: defaultProcessor(config.imageSize), parameters, source: {} } as unknown as Model;
  const files = await prepareModel(model, undefined, "test");
  const [bytes, graph] = [files["model.onnx"], files["explain.onnx"]] as [Uint8Array, Uint8Array];
  const engine = await createEngine(graph, { externalData: { "model.onnx": bytes } });
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
