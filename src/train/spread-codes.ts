import type { DvaeConfig } from "../dvae/config.ts";
import { encode } from "../dvae/encoder.ts";
import { mapPixels } from "../dvae/pixels.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { evaluate } from "../session/session.ts";
import { float32 } from "../tensor/tensor.ts";
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
  const { numChannels, imageSize, vocabSize } = config;
  const trace = createTrace();
  const shape = [pixels.length / (numChannels * imageSize ** 2), numChannels, imageSize, imageSize];
  const seen = mapPixels(batchInput(trace, "pixels", shape));
  const logits = encode(createScope(trace).child("encoder"), config, seen);
  const known = { ...Object.fromEntries(parameters), pixels: float32(pixels, shape) };
  const { data } = (await evaluate({ logits }, known)).logits!;
  const weight = parameters.get("encoder.blocks.output.conv.w")!;
  const bias = parameters.get("encoder.blocks.output.conv.b")!;
  const inputs = weight.data.length / vocabSize;
  for (let code = 0; code < vocabSize; code++) {
    const { mean, deviation } = momentsOf(data as Float32Array, code, vocabSize);
    const scale = deviation > 0 ? SPREAD / deviation : 1;
    for (let i = code * inputs; i < (code + 1) * inputs; i++) weight.data[i]! *= scale;
    bias.data[code] = scale * (bias.data[code]! - mean);
  }
}

/** Of every `stride`th value from the first on. */
function momentsOf(values: Float32Array, first: number, stride: number): { mean: number; deviation: number } {
  let [sum, squares, count] = [0, 0, 0];
  for (let i = first; i < values.length; i += stride, count++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
  }
  const mean = sum / count;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / count - mean * mean)) };
}
