import { add, relu } from "../graph/elementwise.ts";
import { argMax } from "../graph/indexing.ts";
import { reshape, transpose } from "../graph/layout.ts";
import { matMul, matrixTranspose } from "../graph/matmul.ts";
import { maxPool2 } from "../graph/pooling.ts";
import type { Value } from "../graph/value.ts";
import type { Scope } from "../nn/scope.ts";
import { convolution, group, type Kernels } from "./block.ts";
import { type DvaeConfig, GROUPS } from "./config.ts";

const KERNELS: Kernels = [3, 3, 3, 1];

/**
 * DALL-E's encoder: mapped pixels [B, C, H, W] → logits of the codes [B, H/8, W/8, V], the codes last, where the original
 * has them first. Names are its state dict's.
 * @see openai/DALL-E dall_e/encoder.py
 */
export function encode(scope: Scope, config: DvaeConfig, mapped: Value): Value {
  const blocks = scope.child("blocks");
  let x = convolution(blocks.child("input"), mapped, config.hiddenSize, 7);
  for (let i = 0; i < GROUPS; i++) {
    x = group(blocks.child(`group_${i + 1}`), x, config.hiddenSize * 2 ** i, config, KERNELS);
    if (i < GROUPS - 1) x = maxPool2(x);
  }
  return codeLogits(blocks.child("output.conv"), relu(x), config.vocabSize);
}

/** The last convolution, 1 × 1, as a matrix product of places by codes: softmax and arg max go over the last axis. */
function codeLogits(scope: Scope, x: Value, codes: number): Value {
  const [B, C, H, W] = x.shape as [number, number, number, number];
  const w = reshape(scope.parameter("w", [codes, C, 1, 1]), [codes, C]);
  const places = transpose(reshape(x, [B, C, H * W]), [0, 2, 1]);
  const logits = add(matMul(places, matrixTranspose(w)), scope.parameter("b", [codes]));
  return reshape(logits, [B, H, W, codes]);
}

/** Mapped pixels [B, C, H, W] → the visual tokens [B, H/8, W/8], int64: the code of the largest logit. */
export const visualTokens = (scope: Scope, config: DvaeConfig, mapped: Value): Value =>
  argMax(encode(scope, config, mapped));
