import type { DvaeConfig } from "../dvae/config.ts";
import { encode } from "../dvae/encoder.ts";
import { mapPixels } from "../dvae/pixels.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { compile } from "../session/session.ts";
import { float32, sizeOf } from "../tensor/tensor.ts";
import type { Parameters } from "./state.ts";

/** Standard deviation of a code's logit over places: the likeliest of 1,024 codes then has about a fifth of the probability. */
const SPREAD = 3;

/**
 * Scales and shifts the encoder's last layer so that over the places of some pictures every code's logit has mean 0 and the
 * same spread (data-dependent initialisation, Salimans and Kingma 2016). What all places have in common would else make one
 * code the likeliest everywhere, and the others would hardly ever be learnt.
 * @param parameters changed in place
 * @param pixels [n, 3, H, W] in [0, 1]
 */
export async function spreadCodes(parameters: Parameters, config: DvaeConfig, pixels: Float32Array): Promise<void> {
  const { vocabSize } = config;
  const moments = await momentsOfLogits(parameters, config, pixels);
  const weight = parameters.get("encoder.blocks.output.conv.w")!;
  const bias = parameters.get("encoder.blocks.output.conv.b")!;
  const inputs = weight.data.length / vocabSize;
  for (let code = 0; code < vocabSize; code++) {
    const { mean, deviation } = moments[code]!;
    const scale = deviation > 0 ? SPREAD / deviation : 1;
    for (let i = code * inputs; i < (code + 1) * inputs; i++) weight.data[i]! *= scale;
    bias.data[code] = scale * (bias.data[code]! - mean);
  }
}

/** Mean and standard deviation of every code's logit over the places of the pictures, which are looked at one by one. */
async function momentsOfLogits(parameters: Parameters, config: DvaeConfig, pixels: Float32Array) {
  const { numChannels, imageSize, vocabSize } = config;
  const trace = createTrace();
  const shape = [1, numChannels, imageSize, imageSize];
  const seen = mapPixels(batchInput(trace, "pixels", shape));
  const logits = encode(createScope(trace).child("encoder"), config, seen);
  const weights = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const session = await compile({ logits }, { weights });
  const [sums, squares] = [new Float64Array(vocabSize), new Float64Array(vocabSize)];
  const length = sizeOf(shape);
  let places = 0;
  try {
    for (let from = 0; from < pixels.length; from += length) {
      const result = await session.run({ pixels: float32(pixels.subarray(from, from + length), shape) });
      const values = result.logits!.data as Float32Array;
      for (const [i, value] of values.entries()) {
        sums[i % vocabSize]! += value;
        squares[i % vocabSize]! += value * value;
      }
      places += values.length / vocabSize;
    }
  } finally {
    await session.release();
  }
  return Array.from(sums, (sum, code) => {
    const mean = sum / places;
    return { mean, deviation: Math.sqrt(Math.max(0, squares[code]! / places - mean * mean)) };
  });
}
