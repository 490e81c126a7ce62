// A graph of ours on the engine.
import { createEngine } from "../../dist/platform/engine.js";
import { forwardGraph, int8Graph, microGraph, productGraph } from "../graphs.mjs";

const makers = { product: productGraph, forward: forwardGraph, int8: int8Graph, micro: microGraph };

/**
 * `kind` and its options choose the graph; `threads` work inside an operator. A portable graph is one that onnxruntime
 * has yet to fuse.
 */
export async function load({ kind, threads, ...options }) {
  const { model, feeds, into } = await makers[kind](options);
  const memoryPattern = kind === "forward" || kind === "int8"; // as in prediction
  const engine = await createEngine(model, { threads, optimize: options.portable === true, memoryPattern });
  const first = await engine.run(feeds, into);
  return { run: () => engine.run(feeds, into), facts: { logits: first.logits && [...first.logits.data] } };
}
