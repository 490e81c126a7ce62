import type { TokenizerModel } from "./tokenizer.ts";
import { createTokenizer } from "./tokens.ts";

/** How well a tokenizer's codes describe pictures, and how many of them it uses. */
export interface ReconstructionMetrics {
  readonly pictures: number;
  /** Mean squared error of pixels in [0, 1]. */
  readonly error: number;
  /** Peak signal-to-noise ratio of that error, in dB. */
  readonly psnr: number;
  /** Share of the vocabulary that occurs. */
  readonly usage: number;
  /** e to the entropy of the codes' frequencies: how many codes, evenly used, would be as varied. */
  readonly perplexity: number;
  readonly vocabulary: number;
  /** The first pictures and what their codes stand for, [n, 3, H, W] in [0, 1] each. */
  readonly originals: Float32Array;
  readonly reconstructions: Float32Array;
}

/** Pictures kept for the sheet of originals beside reconstructions. */
const SHOWN = 24;

/**
 * Encodes pictures to codes, the most likely one for each place, and decodes these.
 * @param batches pixels [B, 3, H, W] in [0, 1] of the tokenizer's size
 */
export async function measureReconstruction(
  model: TokenizerModel,
  batches: AsyncIterable<Float32Array>,
): Promise<ReconstructionMetrics> {
  const { numChannels, imageSize, vocabSize } = model.config;
  const length = numChannels * imageSize ** 2;
  const counts = new Float64Array(vocabSize);
  const [originals, reconstructions]: [Float32Array[], Float32Array[]] = [[], []];
  let [squares, pictures, shown] = [0, 0, 0];
  const tokenizer = createTokenizer(model);
  try {
    for await (const pixels of batches) {
      const tokens = await tokenizer.visualTokens(pixels);
      const decoded = await tokenizer.reconstruct(tokens);
      for (const token of tokens) counts[Number(token)]!++;
      for (let i = 0; i < pixels.length; i++) squares += (pixels[i]! - decoded[i]!) ** 2;
      pictures += pixels.length / length;
      const wanted = Math.max(0, SHOWN - shown) * length;
      originals.push(pixels.slice(0, wanted));
      reconstructions.push(decoded.slice(0, wanted));
      shown += pixels.length / length;
    }
  } finally {
    await tokenizer.close();
  }
  const error = squares / (pictures * length);
  return {
    pictures,
    error,
    psnr: -10 * Math.log10(error),
    usage: counts.filter((count) => count > 0).length / vocabSize,
    perplexity: perplexityOf(counts),
    vocabulary: vocabSize,
    originals: joined(originals),
    reconstructions: joined(reconstructions),
  };
}

/** e to the entropy of frequencies that are not normalised. */
export function perplexityOf(counts: Float64Array): number {
  const total = counts.reduce((a, b) => a + b, 0);
  let entropy = 0;
  for (const count of counts) if (count > 0) entropy -= (count / total) * Math.log(count / total);
  return Math.exp(entropy);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
