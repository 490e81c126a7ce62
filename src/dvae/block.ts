import { conv } from "../graph/convolution.ts";
import { add, mul, relu } from "../graph/elementwise.ts";
import { scalar, type Value } from "../graph/value.ts";
import type { Scope } from "../nn/scope.ts";
import { type DvaeConfig, GROUPS } from "./config.ts";

/** A convolution and its bias under DALL-E's names, times a gain: x [B, C, H, W] → [B, O, H, W]. */
export function convolution(scope: Scope, x: Value, outputs: number, kernel: number, gain = 1): Value {
  const w = scope.parameter("w", [outputs, x.shape[1]!, kernel, kernel]);
  const b = scope.parameter("b", [outputs]);
  return gain === 1 ? conv(x, w, b) : conv(x, mul(w, scalar(gain)), mul(b, scalar(gain)));
}

/** Kernel sizes of the four convolutions of a block. */
export type Kernels = readonly [number, number, number, number];

/**
 * x or its 1 × 1 projection, plus 1/n² of four convolutions with ReLU before each, n the number of blocks. The gain goes
 * into the last convolution, where it costs once a step; DALL-E's 1/64 is a power of two, so not one bit changes.
 * @see openai/DALL-E dall_e/encoder.py, EncoderBlock; dall_e/decoder.py, DecoderBlock
 */
function block(scope: Scope, x: Value, outputs: number, kernels: Kernels, gain: number): Value {
  const path = scope.child("res_path");
  const narrow = outputs / 4;
  let y = x;
  for (const [i, kernel] of kernels.entries()) {
    const last = i === kernels.length - 1;
    y = convolution(path.child(`conv_${i + 1}`), relu(y), last ? outputs : narrow, kernel, last ? gain : 1);
  }
  return add(x.shape[1] === outputs ? x : convolution(scope.child("id_path"), x, outputs, 1), y);
}

/** Blocks of one group, numbered from 1. */
export function group(scope: Scope, x: Value, outputs: number, config: DvaeConfig, kernels: Kernels): Value {
  const gain = 1 / (GROUPS * config.blocksPerGroup) ** 2;
  let y = x;
  for (let i = 1; i <= config.blocksPerGroup; i++) y = block(scope.child(`block_${i}`), y, outputs, kernels, gain);
  return y;
}
