import { serializeConfig } from "../beit/config.ts";
import { serializeImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import { float32 } from "../tensor/tensor.ts";
import type { Model } from "./model.ts";

/**
 * The model whose parameters are the mean of the parameters of several, which began from the same weights: such runs end
 * close enough together that the mean answers like their ensemble, at the cost of one. The rest is the first one's.
 * @throws BeitError `average/mismatch` when one differs from the first in configuration, labels or preprocessing
 * @see Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
 * increasing inference time", the uniform soup
 */
export function averageModels(models: readonly [Model, ...Model[]]): Model {
  const [first, ...others] = models;
  for (const other of others) requireAlike(first, other);
  const parameters = [...first.parameters].map(([name, { shape, data }]) => {
    const sums = Float64Array.from(data);
    for (const { parameters: values } of others) {
      for (const [i, value] of values.get(name)!.data.entries()) sums[i]! += value;
    }
    return [
      name,
      float32(
        Float32Array.from(sums, (sum) => sum / models.length),
        shape,
      ),
    ] as const;
  });
  return { ...first, parameters: new Map(parameters) };
}

function requireAlike(first: Model, other: Model): void {
  const [expected, came] = [described(first), described(other)];
  const differing = Object.keys({ ...expected, ...came }).find((key) => expected[key] !== came[key]);
  if (differing === undefined) return;
  const values = `expected ${expected[differing] ?? "none"} as in ${first.name}, got ${came[differing] ?? "none"}`;
  throw new BeitError("average/mismatch", `${other.name}: ${differing}: ${values}`);
}

/** What models must have in common, as JSON by key. */
function described({ config, task, processor }: Model): Record<string, string> {
  const all = { ...serializeConfig(config, task), ...serializeImageProcessor(processor) };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, JSON.stringify(value)]));
}
