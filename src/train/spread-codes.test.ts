import { expect, it } from "vitest";
import { type DvaeConfig, dvaePresets } from "../dvae/config.ts";
import { encode } from "../dvae/encoder.ts";
import { initialDvaeValues } from "../dvae/init.ts";
import { dvaeShapes } from "../dvae/outputs.ts";
import { mapPixels } from "../dvae/pixels.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { evaluate } from "../session/session.ts";
import { random } from "../tensor/random.ts";
import { float32 } from "../tensor/tensor.ts";
import { spreadCodes } from "./spread-codes.ts";

const config: DvaeConfig = { ...dvaePresets.tiny, imageSize: 32, hiddenSize: 8, vocabSize: 16, codeSize: 8 };
const stream = random(3, "pictures");
const pixels = Float32Array.from({ length: 6 * 3 * 32 * 32 }, () => stream.uniform());

it("gives every code's logit mean 0 and deviation 3 over the places of the pictures", async () => {
  const parameters = initialDvaeValues(dvaeShapes(config), 1);
  const decoder = Float32Array.from(parameters.get("decoder.blocks.input.w")!.data);
  await spreadCodes(parameters, config, pixels);
  const trace = createTrace();
  const input = batchInput(trace, "pixels", [6, 3, 32, 32]);
  const logits = encode(createScope(trace).child("encoder"), config, mapPixels(input));
  const known = { ...Object.fromEntries(parameters), pixels: float32(pixels, [6, 3, 32, 32]) };
  const data = (await evaluate({ logits }, known)).logits!.data as Float32Array;
  for (let code = 0; code < 16; code++) {
    const own = data.filter((_, i) => i % 16 === code);
    const mean = own.reduce((a, b) => a + b) / own.length;
    const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / own.length;
    expect(mean).toBeCloseTo(0, 3);
    expect(Math.sqrt(variance)).toBeCloseTo(3, 3);
  }
  expect(parameters.get("decoder.blocks.input.w")!.data).toEqual(decoder);
});
