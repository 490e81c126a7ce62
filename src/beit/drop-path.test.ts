import { expect, it } from "vitest";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { evaluate } from "../session/session.ts";
import { random } from "../tensor/random.ts";
import { float32, int64, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { type BeitConfig, presets } from "./config.ts";
import { initialValues } from "./init.ts";
import { classify } from "./model.ts";

const config: BeitConfig = {
  ...presets.tiny,
  imageSize: [32, 48],
  hiddenSize: 32,
  numLayers: 2,
  numHeads: 2,
  intermediateSize: 64,
  labels: ["a", "b", "c"],
  layerScaleInit: 0.5,
  dropPathRate: 0.6, // of the second layer; the first has none
};
const shape = [3, 3, ...config.imageSize];
const layer = "beit.encoder.layer.1";

const normal = (name: string, of: readonly number[]) => {
  const stream = random("drop-path", name);
  return float32(
    Float32Array.from({ length: sizeOf(of) }, () => stream.normal()),
    of,
  );
};

function trace(training: boolean) {
  const traced = createTrace();
  const { logits } = classify(createScope(traced, training), config, batchInput(traced, "pixel_values", shape));
  return { logits, traced };
}

/** Logits of the three pictures for inference, the second layer's branches weighed by two numbers. */
async function weighed(values: Readonly<Record<string, Tensor>>, first: number, second: number) {
  const by = (name: string, factor: number) => {
    const { data, shape: of } = values[name] as Tensor<"float32">;
    return {
      [name]: float32(
        data.map((v) => v * factor),
        of,
      ),
    };
  };
  const { logits } = trace(false);
  const weights = { ...by(`${layer}.lambda_1`, first), ...by(`${layer}.lambda_2`, second) };
  const found = await evaluate({ logits }, { ...values, ...weights });
  return Array.from({ length: 3 }, (_, b) => (found.logits!.data as Float32Array).slice(3 * b, 3 * b + 3));
}

it("a sample has its branch times 1 / keep, or not at all, whatever happens to the others", async () => {
  const { logits, traced } = trace(true);
  const initial = initialValues(traced.parameters, { law: "finetune", seed: 3, headScale: 1 });
  const values = { ...Object.fromEntries(initial), pixel_values: normal("pixels", shape) };
  const cases: [number[], number[]][] = [
    [
      [0, 2],
      [1, 2],
    ],
    [[], [0]],
    [[0, 1, 2], []],
  ];
  for (const [first, second] of cases) {
    const feeds = {
      [`noise.${layer}.drop_path_1`]: int64(first, [first.length]),
      [`noise.${layer}.drop_path_2`]: int64(second, [second.length]),
    };
    expect([...traced.noise.keys()]).toEqual(Object.keys(feeds));
    const found = (await evaluate({ logits }, { ...values, ...feeds })).logits!.data as Float32Array;
    for (const b of [0, 1, 2]) {
      const factor = (stay: number[]) => (stay.includes(b) ? 1 / 0.4 : 0);
      const expected = (await weighed(values, factor(first), factor(second)))[b]!;
      for (const [k, value] of expected.entries()) expect(found[3 * b + k]).toBeCloseTo(value, 5);
    }
  }
});
