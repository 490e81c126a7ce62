import { codesPerSide } from "../dvae/config.ts";
import { type DvaePart, tracePart } from "../dvae/outputs.ts";
import { inferenceGraphs } from "../graph/training.ts";
import type { EngineOptions, EngineSession } from "../platform/engine.ts";
import { BeitError } from "../platform/errors.ts";
import { compile, evaluate } from "../session/session.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import type { TokenizerModel } from "./tokenizer.ts";

/** Turns pictures into visual tokens and back. Pictures are [B, C, H, W] in [0, 1], one after the other. */
export interface ImageTokenizer {
  /** Visual tokens [B, H/8, W/8] of pictures, row by row. */
  visualTokens(pixels: Float32Array): Promise<BigInt64Array>;
  /** The pictures that tokens stand for. @throws BeitError `model/no-decoder` when only the encoder is there */
  reconstruct(tokens: BigInt64Array): Promise<Float32Array>;
  close(): Promise<void>;
}

const PICTURES_AT_ONCE = 4; // of 112 px: the maps of more do not stay in cache, and those of DALL-E take gigabytes

/** Compiles a tokenizer; what is not used is not compiled. */
export function createTokenizer(model: TokenizerModel, options: EngineOptions = {}): ImageTokenizer {
  const { config, parts } = model;
  const { numChannels, imageSize } = config;
  const side = codesPerSide(config);
  const atOnce = Math.max(1, Math.round(PICTURES_AT_ONCE * (112 / imageSize) ** 2));
  const sessions = new Map<DvaePart, Promise<EngineSession>>();
  const sessionOf = (part: DvaePart): Promise<EngineSession> => {
    const session = sessions.get(part) ?? compilePart(model, part, options);
    sessions.set(part, session);
    return session;
  };
  return {
    async visualTokens(pixels) {
      const session = await sessionOf("encoder");
      const [count, ...sample] = batched(pixels, [numChannels, imageSize, imageSize]);
      const length = pixels.length / count!;
      const all = new BigInt64Array(count! * side ** 2);
      for (let from = 0; from < count!; from += atOnce) {
        const part = pixels.subarray(from * length, (from + atOnce) * length);
        const { tokens } = await session.run({ pixels: float32(part, [part.length / length, ...sample]) });
        all.set(tokens!.data as BigInt64Array, from * side ** 2);
      }
      return all;
    },
    async reconstruct(tokens) {
      if (!parts.includes("decoder")) {
        throw new BeitError(
          "model/no-decoder",
          `${model.name}: has no decoder, so its tokens cannot be turned into pictures`,
        );
      }
      const session = await sessionOf("decoder");
      const given: Tensor = { dtype: "int64", shape: batched(tokens, [side, side]), data: tokens };
      const { pixels } = await session.run({ tokens: given });
      return pixels!.data as Float32Array;
    },
    async close() {
      await Promise.all([...sessions.values()].map(async (session) => (await session).release()));
    },
  };
}

/** Shape of several samples of a shape. @throws RangeError when the elements are not a whole number of them */
function batched({ length }: { readonly length: number }, sample: readonly number[]): number[] {
  const count = length / sample.reduce((a, b) => a * b, 1);
  if (!Number.isInteger(count)) throw new RangeError(`tokenizer: ${length} values are not samples of [${sample}]`);
  return [count, ...sample];
}

/** One half with its weights inside; what depends on them alone is computed here. */
async function compilePart(
  { config, parameters }: TokenizerModel,
  part: DvaePart,
  options: EngineOptions,
): Promise<EngineSession> {
  const { trace, outputs } = tracePart[part](config);
  const { prepare, forward } = inferenceGraphs(outputs);
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const prepared = await evaluate(prepare, Object.fromEntries(used), options);
  return compile(forward, { ...options, weights: new Map([...used, ...Object.entries(prepared)]) });
}
