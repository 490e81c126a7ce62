import { add, mul, relu, sub } from "../graph/elementwise.ts";
import { scalar, type Value } from "../graph/value.ts";

/** Distance from 0 and 1 that mapped pixels keep, as the logit is infinite there. @see openai/DALL-E dall_e/utils.py */
export const LOGIT_LAPLACE_EPS = 0.1;

const RANGE = 1 - 2 * LOGIT_LAPLACE_EPS;

/** Pixels in [0, 1] as encoder and loss want them, in [0.1, 0.9]. */
export const mapPixels = (pixels: Value): Value => add(mul(pixels, scalar(RANGE)), scalar(LOGIT_LAPLACE_EPS));

/** Mapped pixels, or a reconstruction, as pixels in [0, 1]; what lies outside is cut off. */
export function unmapPixels(mapped: Value): Value {
  const pixels = mul(sub(mapped, scalar(LOGIT_LAPLACE_EPS)), scalar(1 / RANGE));
  return sub(relu(pixels), relu(sub(pixels, scalar(1))));
}
