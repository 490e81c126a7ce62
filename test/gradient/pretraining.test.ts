import { describe, expect, it } from "vitest";
import { type BeitConfig, presets } from "../../src/beit/config.ts";
import { initialValues } from "../../src/beit/init.ts";
import { traceOutputs } from "../../src/beit/outputs.ts";
import { parameterShapes } from "../../src/evaluate/model.ts";
import { sumName, trainingGraphs } from "../../src/graph/training.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, int64, type Tensor, zeros } from "../../src/tensor/tensor.ts";
import { type Masking, maskedMicroBatches, patchValues, tracePretraining } from "../../src/train/pretrain-step.ts";
import { uniform } from "./check.ts";

const config: BeitConfig = {
  ...presets.tiny,
  imageSize: [32, 32],
  patchSize: 8,
  hiddenSize: 8,
  numHeads: 2,
  intermediateSize: 16,
  numLayers: 2,
  dropPathRate: 0,
  vocabSize: 11,
};
const [PICTURES, AT_ONCE, PATCHES] = [6, 2, 16];
const ONE = { threads: 1 };
const masking: Masking = { target: "tokens", masking: "blockwise", count: 11, minBlock: 9 };
const parameters = initialValues(parameterShapes(config, "masked-image-modelling"), { law: "pretrain", seed: 3 });
const pixels = uniform("pixels", [PICTURES, 3, 32, 32]).data;
const tokens = BigInt64Array.from({ length: PICTURES * PATCHES }, (_, i) => BigInt((i * 7 + 3) % config.vocabSize));
const keys = Array.from({ length: PICTURES }, (_, i) => [5, 0, i]);

const inputsOf = (
  micro: Readonly<Record<string, Float32Array | BigInt64Array>>,
  shapes: Map<string, readonly number[]>,
) =>
  Object.fromEntries(
    Object.entries(micro).map(([name, data]): [string, Tensor] => {
      const shape = shapes.get(name)!;
      return [name, data instanceof BigInt64Array ? { dtype: "int64", shape, data } : float32(data, shape)];
    }),
  );

/** Loss and gradients of a step as a run computes them, over micro-batches. */
async function step(of: Masking, micros: ReturnType<typeof maskedMicroBatches>["micros"]) {
  const { trace, outputs } = tracePretraining(config, of, AT_ONCE, true);
  const graphs = trainingGraphs(outputs, trace.parameters);
  const shapes = new Map([...trace.inputs].map(([name, { shape }]) => [name, shape]));
  const known = Object.fromEntries(parameters);
  const prepared = await evaluate(graphs.prepare, known, ONE);
  let sums: Record<string, Tensor> = Object.fromEntries(
    graphs.summed.map((name) => [sumName(name), zeros(graphs.prepared.get(name)!)]),
  );
  let loss = 0;
  for (const micro of micros) {
    const done = await evaluate(graphs.micro, { ...known, ...prepared, ...sums, ...inputsOf(micro, shapes) }, ONE);
    sums = Object.fromEntries(graphs.summed.map((name) => [sumName(name), done[`new_sum.${name}`]!]));
    loss += (done.loss!.data as Float32Array)[0]! / micros.length;
  }
  const finished = await evaluate(graphs.finish, { ...known, ...sums }, ONE);
  const gradients = new Map(
    Object.entries(finished).map(([name, { data }]) => [
      name.slice("grad.".length),
      (data as Float32Array).map((value) => value / micros.length),
    ]),
  );
  return { loss, gradients };
}

describe("a step of masked image modelling", () => {
  const { micros, labels } = maskedMicroBatches({ pixels, tokens, keys }, config, {
    masking,
    microBatch: AT_ONCE,
    noise: [],
  });
  const counts = labels.map(({ length }) => length);

  it("is the plain mean over all masked patches of the batch, loss and gradients, however many each picture has", async () => {
    expect(new Set(counts).size, "micro-batches with different numbers of masked patches").toBeGreaterThan(1);
    // The whole batch at once, by the graph that `beit forward` runs, with rows of its own.
    const mask = micros.flatMap((micro) => [...(micro.bool_masked_pos as Float32Array)]);
    const places = mask.flatMap((on, i) => (on ? [[Math.floor(i / PATCHES), i % PATCHES] as const] : []));
    const { outputs, trace } = traceOutputs(config, "masked-image-modelling", {
      batch: PICTURES,
      maskedCount: places.length,
      labels: "indices",
    });
    const expected = await evaluate(
      outputs,
      {
        ...Object.fromEntries(parameters),
        pixel_values: float32(pixels, [PICTURES, 3, 32, 32]),
        bool_masked_pos: float32(Float32Array.from(mask), [PICTURES, PATCHES]),
        masked_rows: int64(
          places.map(([b, p]) => p * PICTURES + b),
          [places.length],
        ),
        labels: int64(
          places.map(([b, p]) => Number(tokens[b * PATCHES + p])),
          [places.length],
        ),
      },
      ONE,
    );
    const { loss, gradients } = await step(masking, micros);
    expect(loss).toBeCloseTo((expected.loss!.data as Float32Array)[0]!, 5);
    for (const name of trace.parameters.keys()) {
      const wanted = expected[`grad.${name}`]!.data as Float32Array;
      const found = gradients.get(name) ?? new Float32Array(wanted.length);
      const distance = Math.hypot(...found.map((value, i) => value - wanted[i]!));
      expect(distance, name).toBeLessThan(1e-5 * Math.hypot(...wanted) + 1e-7);
    }
  });

  it("predicts the pixels of masked patches where these are the target", async () => {
    const wide = { ...config, vocabSize: patchValues(config) };
    const of = { ...masking, target: "pixels" as const };
    const cut = maskedMicroBatches({ pixels, keys }, wide, { masking: of, microBatch: AT_ONCE, noise: [] });
    const micro = cut.micros[1]!;
    const at = (micro.masked_rows as BigInt64Array)[2]!;
    const [patch, b] = [Number(at) >> 1, Number(at) & 1]; // rows are p·B + b, B = 2
    const [top, left] = [Math.floor(patch / 4) * 8, (patch % 4) * 8];
    const expected = Array.from({ length: 3 * 64 }, (_, i) => {
      const [c, y, x] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
      return pixels[(((AT_ONCE + b) * 3 + c) * 32 + top + y) * 32 + left + x]!;
    });
    expect([...(micro.patches as Float32Array).subarray(2 * 192, 3 * 192)]).toEqual(expected);
  });

  it("draws masks by picture and epoch, the same every time", () => {
    const again = (key: (number | string)[][]) =>
      maskedMicroBatches({ pixels, tokens, keys: key }, config, { masking, microBatch: AT_ONCE, noise: [] }).micros;
    const masks = (list: typeof micros) => list.flatMap((micro) => [...(micro.bool_masked_pos as Float32Array)]);
    expect(masks(again(keys))).toEqual(masks(micros));
    expect(masks(again(keys.map(([seed, , i]) => [seed!, 1, i!])))).not.toEqual(masks(micros));
    for (const micro of micros) {
      const weights = micro.weights as Float32Array;
      const masked = (micro.bool_masked_pos as Float32Array).reduce((a, b) => a + b);
      expect(weights.filter((weight) => weight > 0).length).toBe(masked);
    }
  });
});
