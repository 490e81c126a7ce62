import { createEngine, type EngineOptions, type EngineSession } from "#platform/engine";
import type { Value } from "../graph/value.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Compiles named outputs of a graph; `weights` are built in as constants instead of being fed. */
export async function compile(
  outputs: Readonly<Record<string, Value>>,
  options: EngineOptions & { weights?: ReadonlyMap<string, Tensor> } = {},
): Promise<EngineSession> {
  return createEngine(encodeModel(toModel(outputs, options)), options);
}

/** Compiles, runs once and releases: for tests and one-off computations. Feeds that the graph does not read are ignored. */
export async function evaluate(
  outputs: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, Tensor>> = {},
  options: EngineOptions = {},
): Promise<Record<string, Tensor>> {
  const session = await compile(outputs, options);
  try {
    return await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!])));
  } finally {
    await session.release();
  }
}
