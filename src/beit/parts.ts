import { sizeOf } from "../tensor/tensor.ts";

/** A part of a model and how many parameters it has. */
export interface ModelPart {
  readonly name: string;
  readonly tensors: number;
  readonly parameters: number;
}

/** Parts of a BEiT by the Hugging Face names of their parameters; the first that matches takes a name. */
const parts: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["patch embedding", /^beit\.embeddings\.patch_embeddings\./],
  ["[CLS], mask token, positions", /^beit\.embeddings\./],
  ["relative position bias", /relative_position_bias_table$/],
  ["attention", /^beit\.encoder\.layer\.\d+\.attention\./],
  ["feed-forward", /^beit\.encoder\.layer\.\d+\.(intermediate|output)\./],
  ["layer norms", /^beit\.encoder\.layer\.\d+\.layernorm_/],
  ["layer scale", /^beit\.encoder\.layer\.\d+\.lambda_/],
  ["final norm", /^(beit\.)?(pooler\.)?layernorm\./],
  ["head", /^(classifier|lm_head)\./],
  ["other", /^/],
];

/** Parameters by part, in the order of the forward pass; parts that a model lacks are left out. */
export function modelParts(shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>): ModelPart[] {
  const left = new Map(shapes);
  return parts.flatMap(([name, pattern]) => {
    const own = [...left].filter(([key]) => pattern.test(key));
    for (const [key] of own) left.delete(key);
    const parameters = own.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
    return own.length > 0 ? [{ name, tensors: own.length, parameters }] : [];
  });
}
