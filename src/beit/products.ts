// Matrix products with weights, by the places where they are decided about together.

/** Queries, keys and values read the same tokens. */
const together = /^(beit\.encoder\.layer\.\d+\.attention)\.attention\.(query|key|value)$/;

const shown: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^beit\.encoder\.layer\.(\d+)\.attention\.attention$/, "layer $1 query, key, value"],
  [/^beit\.encoder\.layer\.(\d+)\.attention\.output\.dense$/, "layer $1 attention output"],
  [/^beit\.encoder\.layer\.(\d+)\.intermediate\.dense$/, "layer $1 feed-forward in"],
  [/^beit\.encoder\.layer\.(\d+)\.output\.dense$/, "layer $1 feed-forward out"],
  [/^beit\.embeddings\.patch_embeddings\.projection$/, "patch embedding"],
  [/^classifier$/, "classifier"],
];

/** The part of a BEiT that a weight `PATH.weight` belongs to, in words: "layer 3 feed-forward in". */
export function productPart(weight: string): string {
  const path = weight.replace(/\.weight$/, "").replace(together, "$1.attention");
  const found = shown.find(([pattern]) => pattern.test(path));
  return found ? path.replace(...found) : path;
}
