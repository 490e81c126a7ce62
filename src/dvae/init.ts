import { random } from "../tensor/random.ts";
import { float32, sizeOf, type Tensor, zeros } from "../tensor/tensor.ts";

/**
 * Fresh parameters: weights N(0, 1 / fan in), biases zero. A parameter's values depend on the seed and its name alone.
 * @see openai/DALL-E dall_e/utils.py, Conv2d
 */
export function initialDvaeValues(
  shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  seed: number,
): Map<string, Tensor<"float32">> {
  return new Map(
    [...shapes].map(([name, { shape }]) => [name, name.endsWith(".b") ? zeros(shape) : weights(name, shape, seed)]),
  );
}

function weights(name: string, shape: readonly number[], seed: number): Tensor<"float32"> {
  const stream = random(seed, "init", name);
  const deviation = 1 / Math.sqrt(sizeOf(shape.slice(1)));
  return float32(
    Float32Array.from({ length: sizeOf(shape) }, () => deviation * stream.normal()),
    shape,
  );
}
