import { newSumName, sumName } from "../graph/training.ts";
import { createEngine } from "../platform/engine.ts";
import { serveRequests } from "../platform/threads.ts";
import { type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** Where a tensor lies in a shared array: its first element and its shape. */
export interface Slot {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
}

/** What a training thread is started with. */
export interface MicroWorkerData {
  /** The micro graph as an ONNX model. */
  readonly model: Uint8Array;
  readonly threads: number;
  readonly prepared: readonly Slot[];
  readonly summed: readonly Slot[];
  /** Prepared values of the step, written by the main thread. */
  readonly weights: SharedArrayBuffer;
  /** One array of gradient sums per thread. */
  readonly sums: readonly SharedArrayBuffer[];
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: DType }[];
}

/** Micro-batches for one thread: each is its graph inputs by name; large ones lie in shared memory. */
export interface MicroRequest {
  readonly worker: number;
  readonly batches: readonly Readonly<Record<string, Float32Array | BigInt64Array>>[];
}

/** The reported outputs of each micro-batch. */
export type MicroResponse = readonly Readonly<Record<string, Float32Array>>[];

// onnxruntime rejects shared memory as input, so each thread keeps its own copy of weights and sums.
void serveRequests<MicroWorkerData, MicroRequest, MicroResponse>(async (data) => {
  const session = await createEngine(data.model, { threads: data.threads });
  const shared = new Float32Array(data.weights);
  const tensor = ({ shape }: Slot): Tensor => ({ dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) });
  const weights = data.prepared.map((slot) => ({ slot, tensor: tensor(slot) }));
  const sums = data.summed.map((slot) => ({ slot, tensor: tensor(slot) }));
  const feeds: Record<string, Tensor> = {};
  const into: Record<string, Tensor> = {};
  for (const { slot, tensor: t } of weights) feeds[slot.name] = t;
  for (const { slot, tensor: t } of sums) {
    feeds[sumName(slot.name)] = t;
    into[newSumName(slot.name)] = t; // written over its input: the graph accumulates
  }
  for (const { name, shape, dtype } of data.inputs) {
    const count = sizeOf(shape);
    feeds[name] = { dtype, shape, data: dtype === "int64" ? new BigInt64Array(count) : new Float32Array(count) };
  }
  const reported = session.outputNames.filter((name) => !(name in into));
  return async ({ worker, batches }) => {
    for (const { slot, tensor: t } of weights) {
      (t.data as Float32Array).set(shared.subarray(slot.offset, slot.offset + t.data.length));
    }
    for (const { tensor: t } of sums) (t.data as Float32Array).fill(0);
    const results: Record<string, Float32Array>[] = [];
    for (const batch of batches) {
      for (const [name, values] of Object.entries(batch))
        (feeds[name]!.data as Float32Array).set(values as Float32Array);
      const outputs = await session.run(feeds, into);
      results.push(
        Object.fromEntries(reported.map((name) => [name, Float32Array.from(outputs[name]!.data as Float32Array)])),
      );
    }
    const out = new Float32Array(data.sums[worker]!);
    for (const { slot, tensor: t } of sums) out.set(t.data as Float32Array, slot.offset);
    return results;
  };
});
