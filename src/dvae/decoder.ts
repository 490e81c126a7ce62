import { add, relu, sigmoid } from "../graph/elementwise.ts";
import { gather } from "../graph/indexing.ts";
import { reshape, slice, transpose } from "../graph/layout.ts";
import { matMul, matrixTranspose } from "../graph/matmul.ts";
import { upsample2 } from "../graph/pooling.ts";
import type { Value } from "../graph/value.ts";
import type { Scope } from "../nn/scope.ts";
import { convolution, group, type Kernels } from "./block.ts";
import { type DvaeConfig, GROUPS } from "./config.ts";

const KERNELS: Kernels = [1, 3, 3, 3];

/** What the decoder says of every pixel and channel: a logit-Laplace distribution, both parts [B, C, H, W]. */
export interface PixelDistribution {
  /** μ, the median, as a logit. */
  readonly location: Value;
  readonly logScale: Value;
}

/** The vectors of the codes: the first convolution, 1 × 1, of a one-hot map is a row of its weights. */
function codebook(scope: Scope, config: DvaeConfig) {
  const { codeSize, vocabSize } = config;
  const input = scope.child("blocks.input");
  const w = reshape(input.parameter("w", [codeSize, vocabSize, 1, 1]), [codeSize, vocabSize]);
  return { vectors: matrixTranspose(w), bias: input.parameter("b", [codeSize]) };
}

/** Decodes weights of the codes, e.g. of the Gumbel softmax: [B, h, w, V] with sums of 1 → pixels of [B, C, 8h, 8w]. */
export function decodeMixture(scope: Scope, config: DvaeConfig, mixture: Value): PixelDistribution {
  const { vectors, bias } = codebook(scope, config);
  return decode(scope, config, add(matMul(mixture, vectors), bias));
}

/** Decodes visual tokens: int64 [B, h, w] → pixels of [B, C, 8h, 8w]. */
export function decodeTokens(scope: Scope, config: DvaeConfig, tokens: Value): PixelDistribution {
  const { vectors, bias } = codebook(scope, config);
  return decode(scope, config, add(gather(vectors, tokens), bias));
}

/** The decoder behind its first convolution: [B, h, w, codeSize] → … @see openai/DALL-E dall_e/decoder.py */
function decode(scope: Scope, config: DvaeConfig, codes: Value): PixelDistribution {
  const blocks = scope.child("blocks");
  let x = transpose(codes, [0, 3, 1, 2]);
  for (let i = 0; i < GROUPS; i++) {
    x = group(blocks.child(`group_${i + 1}`), x, config.hiddenSize * 2 ** (GROUPS - 1 - i), config, KERNELS);
    if (i < GROUPS - 1) x = upsample2(x);
  }
  const C = config.numChannels;
  const both = convolution(blocks.child("output.conv"), relu(x), 2 * C, 1);
  return { location: slice(both, 1, 0, C), logScale: slice(both, 1, C, 2 * C) };
}

/** The picture that a distribution stands for, as mapped pixels: its median. */
export const reconstruction = ({ location }: PixelDistribution): Value => sigmoid(location);
