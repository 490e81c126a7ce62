import { describe, expect, it } from "vitest";
import { concat, reshape, slice } from "../graph/layout.ts";
import { reduceMean } from "../graph/reduce.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { evaluate } from "../session/session.ts";
import { random } from "../tensor/random.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import { type BeitConfig, presets } from "./config.ts";
import { initialValues } from "./init.ts";
import { classify, classifyTokens } from "./model.ts";

const base: BeitConfig = {
  ...presets.tiny,
  imageSize: [32, 48],
  patchSize: 16,
  hiddenSize: 32,
  numLayers: 3,
  numHeads: 2,
  intermediateSize: 64,
  labels: ["a", "b", "c"],
  dropPathRate: 0.2,
};
const variants: [string, Partial<BeitConfig>][] = [
  ["mean pooling, shared bias", { useMeanPooling: true, useSharedRelativePositionBias: true }],
  [
    "[CLS], a bias in each layer",
    { useMeanPooling: false, useSharedRelativePositionBias: false, useRelativePositionBias: true },
  ],
  [
    "[CLS], absolute positions",
    { useMeanPooling: false, useAbsolutePositions: true, useSharedRelativePositionBias: false },
  ],
];

describe.each(variants)("a frozen lower part: %s", (_, changes) => {
  const config = { ...base, ...changes };

  it.each([0, 1, 3])(
    "%i blocks: the upper part gives the same logits from what the lower one gives",
    async (frozen) => {
      const trace = createTrace();
      const pixels = batchInput(trace, "pixel_values", [2, 3, ...config.imageSize]);
      const { logits, taps } = classify(createScope(trace), config, pixels);
      const tokens = taps[`hidden_states.${frozen}`]!;
      const [B, N, D] = tokens.shape as [number, number, number];
      const [cls, mean] = [slice(tokens, 1, 0, 1), reshape(reduceMean(slice(tokens, 1, 1, N), [1], false), [B, 1, D])];
      const read = frozen === config.numLayers ? concat([cls, mean], 1) : tokens;
      const fromTokens = classifyTokens(createScope(trace), config, read, frozen);
      const values = initialValues(trace.parameters, { law: "finetune", seed: 3, headScale: 1 });
      const shape = [2, 3, ...config.imageSize];
      const stream = random(1, "pixels");
      const picture = float32(
        Float32Array.from({ length: sizeOf(shape) }, () => stream.normal()),
        shape,
      );
      const found = await evaluate({ logits, fromTokens }, { ...Object.fromEntries(values), pixel_values: picture });
      for (const [i, value] of (found.fromTokens!.data as Float32Array).entries()) {
        expect(value).toBeCloseTo((found.logits!.data as Float32Array)[i]!, 5);
      }
      expect(new Set(found.logits!.data as Float32Array).size).toBe(6);
    },
  );

  it("asks for noise above the frozen blocks only", () => {
    const trace = createTrace();
    const pixels = batchInput(trace, "pixel_values", [2, 3, ...config.imageSize]);
    const frozen = { scope: createScope(trace).child("beit"), blocks: 2 };
    classify(createScope(trace, true), config, pixels, { frozen });
    expect([...trace.noise.keys()]).toEqual([
      "noise.beit.encoder.layer.2.drop_path_1",
      "noise.beit.encoder.layer.2.drop_path_2",
    ]);
  });
});
