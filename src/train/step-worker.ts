import { newSumName, sumName } from "../graph/training.ts";
import { createEngine } from "../platform/engine.ts";
import { serveRequests } from "../platform/threads.ts";
import { type DType, float32, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** Name and shape of a tensor. */
export type Named = readonly [name: string, shape: readonly number[]];

/** What a training thread is started with. */
export interface StepWorkerData {
  /** The graphs of a step as ONNX models; `prepare` where there is anything to prepare. */
  readonly prepare?: Uint8Array;
  readonly micro: Uint8Array;
  readonly finish: Uint8Array;
  readonly threads: number;
  /** What `prepare` computes. */
  readonly prepared: readonly Named[];
  /** The prepared values whose gradients are summed over the micro-batches. */
  readonly summed: readonly Named[];
  /** A list of int64 whose length is known with the micro-batch only has shape [-1]. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: DType }[];
  /** In shared memory, read at the start of every step. */
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
  /** In shared memory, one for each thread, written at the end of every step. */
  readonly gradients: readonly ReadonlyMap<string, Tensor<"float32">>[];
}

/** Micro-batches for one thread: each is its graph inputs by name; large ones lie in shared memory. */
export interface StepRequest {
  readonly worker: number;
  readonly batches: readonly Readonly<Record<string, Float32Array | BigInt64Array>>[];
}

/** Milliseconds of the phases of a step. */
export interface StepTimings {
  readonly prepareMs: number;
  readonly microMs: number;
  readonly finishMs: number;
}

/** The reported outputs of each micro-batch. */
export interface StepResponse {
  readonly reports: readonly Readonly<Record<string, Float32Array>>[];
  readonly timings: StepTimings;
}

const zeros = (shape: readonly number[]) => float32(new Float32Array(sizeOf(shape)), shape);

// onnxruntime rejects shared memory, so each thread keeps its own copy of the parameters. Its arrays are kept from step to
// step: fresh memory costs as much as what is written there.
void serveRequests<StepWorkerData, StepRequest, StepResponse>(async (data) => {
  const options = { threads: data.threads };
  const [prepare, micro, finish] = [
    data.prepare ? await createEngine(data.prepare, options) : undefined,
    await createEngine(data.micro, options),
    await createEngine(data.finish, options),
  ];
  const read = new Set([prepare, micro, finish].flatMap((session) => session?.inputNames ?? []));
  const parameters = [...data.parameters].filter(([name]) => read.has(name));
  const own = Object.fromEntries(parameters.map(([name, { shape }]) => [name, zeros(shape)]));
  const prepared = Object.fromEntries(data.prepared.map(([name, shape]) => [name, zeros(shape)]));
  const sums = data.summed.map(([name, shape]) => [name, zeros(shape)] as const);
  const sumsIn = Object.fromEntries(sums.map(([name, tensor]) => [sumName(name), tensor]));
  const sumsOut = Object.fromEntries(sums.map(([name, tensor]) => [newSumName(name), tensor])); // written over: the graph accumulates
  const known = data.inputs.filter(({ shape }) => shape.every((d) => d >= 0));
  const inputs = Object.fromEntries(
    known.map(({ name, shape, dtype }): [string, Tensor] => {
      const count = sizeOf(shape);
      return [name, { dtype, shape, data: dtype === "int64" ? new BigInt64Array(count) : new Float32Array(count) }];
    }),
  );
  const gradients = Object.fromEntries(
    [...data.gradients[0]!].map(([name, { shape }]) => [`grad.${name}`, zeros(shape)]),
  );
  const pick = (names: readonly string[], from: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(names.flatMap((name) => (name in from ? [[name, from[name]!]] : [])));
  const feeds = {
    prepare: pick(prepare?.inputNames ?? [], own),
    micro: pick(micro.inputNames, { ...own, ...prepared, ...sumsIn, ...inputs }),
    finish: pick(finish.inputNames, { ...own, ...sumsIn }),
  };
  const reported = micro.outputNames.filter((name) => !(name in sumsOut));

  return async ({ worker, batches }) => {
    const started = performance.now();
    for (const [name, { data: values }] of parameters) own[name]!.data.set(values);
    await prepare?.run(feeds.prepare, prepared);
    const ready = performance.now();
    for (const [, { data: values }] of sums) values.fill(0);
    const reports: Record<string, Float32Array>[] = [];
    for (const batch of batches) {
      const lists: Record<string, Tensor> = {}; // inputs whose length differs from one micro-batch to the next
      for (const [name, values] of Object.entries(batch)) {
        if (name in inputs) (inputs[name]!.data as Float32Array).set(values as Float32Array);
        else lists[name] = { dtype: "int64", shape: [values.length], data: values as BigInt64Array };
      }
      const outputs = await micro.run({ ...feeds.micro, ...lists }, sumsOut);
      reports.push(
        Object.fromEntries(reported.map((name) => [name, Float32Array.from(outputs[name]!.data as Float32Array)])),
      );
    }
    const summed = performance.now();
    await finish.run(feeds.finish, gradients);
    for (const [name, { data: values }] of data.gradients[worker]!) values.set(gradients[`grad.${name}`]!.data);
    const timings = {
      prepareMs: ready - started,
      microMs: summed - ready,
      finishMs: performance.now() - summed,
    };
    return { reports, timings };
  };
});
