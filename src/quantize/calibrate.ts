import type { InferenceGraph } from "../evaluate/inference.ts";
import { type ActivationRange, type WeightProduct, weightProducts } from "../graph/quantize.ts";
import type { Value } from "../graph/value.ts";
import { coreCount } from "../platform/machine.ts";
import { compile } from "../session/session.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { createHistogram } from "./histogram.ts";
import { entropyRange, percentileRange } from "./ranges.ts";

/** How the range of a product's left operand is found: from the calibration pictures, or anew in every run. */
export type ActivationMethod = "percentile" | "entropy" | "dynamic";

const rangeOf = { percentile: percentileRange, entropy: entropyRange };

/**
 * The range of the left operand of every product, by the name of its weight.
 * @param batches pictures [b, C, H, W]
 */
export async function calibrate(
  { outputs, weights }: InferenceGraph,
  batches: readonly Tensor<"float32">[],
  method: ActivationMethod,
): Promise<Map<string, ActivationRange>> {
  const products = weightProducts(outputs);
  if (method === "dynamic") return new Map(products.map(({ weight }) => [weight, method]));
  const names = namesOf(products);
  const operands = Object.fromEntries([...names].map(([value, name]) => [name, value]));
  const histograms = new Map([...names.values()].map((name) => [name, createHistogram()]));
  const session = await compile(operands, { weights, threads: coreCount() });
  try {
    for (const batch of batches) {
      const values = await session.run({ pixel_values: batch });
      for (const [name, { data }] of Object.entries(values)) histograms.get(name)!.add(data as Float32Array);
    }
  } finally {
    await session.release();
  }
  const ranges = new Map([...histograms].map(([name, histogram]) => [name, rangeOf[method](histogram)]));
  return new Map(products.map(({ weight, x }) => [weight, ranges.get(names.get(x)!)!]));
}

/** A name for every left operand; several products may read the same. */
function namesOf(products: readonly WeightProduct[]): Map<Value, string> {
  const names = new Map<Value, string>();
  for (const { x } of products) if (!names.has(x)) names.set(x, `operand.${names.size}`);
  return names;
}
