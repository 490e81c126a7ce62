import type { Tensor } from "../tensor/tensor.ts";
import { type BeitConfig, windowOf } from "./config.ts";
import { resizePositions, resizeTable } from "./resize-tables.ts";

/**
 * A parameter of one configuration for another input size: position tables by the original's geometric scheme, all else
 * as it is (the same object).
 * @param name its Hugging Face key
 * @throws BeitError as `resizeTable` and `resizePositions`
 * @see microsoft/unilm beit/run_class_finetuning.py, "interpolate position embedding"
 */
export function resizeParameter(
  name: string,
  tensor: Tensor<"float32">,
  from: BeitConfig,
  to: BeitConfig,
): Tensor<"float32"> {
  const [source, target] = [windowOf(from), windowOf(to)];
  if (source[0] === target[0] && source[1] === target[1]) return tensor;
  if (name.endsWith("relative_position_bias_table")) return resizeTable(tensor, "unilm-cubic", source, target);
  if (name.endsWith("position_embeddings")) return resizePositions(tensor, "absolute-bicubic", source, target);
  return tensor;
}
