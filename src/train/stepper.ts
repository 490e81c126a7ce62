import { sumName, type TrainingGraphs } from "../graph/training.ts";
import type { Value } from "../graph/value.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import type { EngineSession } from "../platform/engine.ts";
import { startWorkers } from "../platform/threads.ts";
import { compile } from "../session/session.ts";
import { type DType, float32, sizeOf, type Tensor } from "../tensor/tensor.ts";
import type { MicroRequest, MicroResponse, MicroWorkerData, Slot } from "./micro-worker.ts";

/** Trainable and frozen parameters by name. */
export type Parameters = ReadonlyMap<string, Tensor<"float32">>;

/** Inputs of one micro-batch by name. */
export type MicroBatch = MicroRequest["batches"][number];

/** What one step gives: per micro-batch what the graph reports, and the summed gradients. */
export interface StepResult {
  readonly reports: MicroResponse;
  /**
   * Gradient of the sum of the micro-batches' losses, per parameter: divide by the number of micro-batches. Written over by
   * the next step.
   */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** Milliseconds per phase. */
  readonly timings: { readonly prepareMs: number; readonly microMs: number; readonly finishMs: number };
}

/** Runs training steps over worker threads. */
export interface Stepper {
  step(parameters: Parameters, batches: readonly MicroBatch[]): Promise<StepResult>;
  close(): Promise<void>;
}

function layOut(names: Iterable<readonly [string, readonly number[]]>): { slots: Slot[]; length: number } {
  const slots: Slot[] = [];
  let length = 0;
  for (const [name, shape] of names) {
    slots.push({ name, shape, offset: length });
    length += sizeOf(shape);
  }
  return { slots, length };
}

/** Tensors for a graph's outputs, kept from step to step: fresh memory costs as much as what is written there. */
function room(outputs: Readonly<Record<string, Value>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { shape }]) => [name, float32(new Float32Array(sizeOf(shape)), shape)]),
  );
}

const share = (length: number) => new SharedArrayBuffer(Math.max(4, length * 4));

/** Adds the workers' sums, in the order of the workers, into tensors that onnxruntime accepts. */
function reduceSums(
  slots: readonly Slot[],
  perWorker: readonly Float32Array[],
  totals: readonly Tensor<"float32">[],
): void {
  for (const [i, { offset }] of slots.entries()) {
    const total = totals[i]!.data;
    total.set(perWorker[0]!.subarray(offset, offset + total.length));
    for (const sums of perWorker.slice(1)) {
      for (let j = 0; j < total.length; j++) total[j] = total[j]! + sums[offset + j]!;
    }
  }
}

/** Names, shapes and types of the inputs of a micro-batch. */
function describeInputs(inputs: readonly Value[]) {
  return inputs.map(({ node, shape, dtype }) => ({
    name: node.attributes.name as string,
    shape,
    dtype: dtype as DType,
  }));
}

/**
 * Starts the threads of a training step. Micro-batch i always goes to worker i mod `workers`, and sums are added in the
 * order of the workers, so that a step gives the same bits every time.
 */
export async function createStepper(
  graphs: TrainingGraphs,
  inputs: readonly Value[],
  options: { readonly workers: number; readonly threads: number },
): Promise<Stepper> {
  const prepared = layOut(graphs.prepared);
  const summed = layOut(graphs.summed.map((name) => [name, graphs.prepared.get(name)!] as const));
  const weights = share(prepared.length);
  const sums = Array.from({ length: options.workers }, () => share(summed.length));
  const { threads } = options; // of a worker: a narrow model has many small operators, which gain nothing from more
  const prepare = Object.keys(graphs.prepare).length ? await compile(graphs.prepare, { threads }) : undefined;
  const [preparedInto, finishedInto] = [room(graphs.prepare), room(graphs.finish)];
  const finish = await compile(graphs.finish, { threads });
  const workers = await startWorkers<MicroRequest, MicroResponse>("train/micro-worker", options.workers, {
    model: encodeModel(toModel(graphs.micro, { name: "micro" })),
    threads,
    prepared: prepared.slots,
    summed: summed.slots,
    weights,
    sums,
    inputs: describeInputs(inputs),
  } satisfies MicroWorkerData);
  const shared = new Float32Array(weights);
  const perWorker = sums.map((buffer) => new Float32Array(buffer));
  const totals = summed.slots.map(
    ({ shape }): Tensor<"float32"> => ({
      dtype: "float32",
      shape,
      data: new Float32Array(sizeOf(shape)),
    }),
  );

  const stage = createStage();

  const writeWeights = async (parameters: Parameters) => {
    const computed = prepare ? await prepare.run(pick(prepare, parameters), preparedInto) : {};
    for (const { name, offset } of prepared.slots) {
      shared.set((computed[name] ?? parameters.get(name)!).data as Float32Array, offset);
    }
  };

  return {
    async step(parameters, batches) {
      const t0 = performance.now();
      await writeWeights(parameters);
      const t1 = performance.now();
      const staged = stage(batches);
      const shares = perWorker.map((_, w) => staged.filter((_, i) => i % options.workers === w));
      const answers = await Promise.all(shares.map((own, w) => workers.request(w, { worker: w, batches: own })));
      const t2 = performance.now();
      reduceSums(summed.slots, perWorker, totals);
      const feeds = Object.fromEntries(summed.slots.map(({ name }, i) => [sumName(name), totals[i]!]));
      const results = await finish.run({ ...pick(finish, parameters), ...feeds }, finishedInto);
      const gradients = new Map(
        Object.entries(results).map(([name, { data }]) => [name.slice("grad.".length), data as Float32Array]),
      );
      const reports = batches.map((_, i) => answers[i % options.workers]![Math.floor(i / options.workers)]!);
      const t3 = performance.now();
      return { reports, gradients, timings: { prepareMs: t1 - t0, microMs: t2 - t1, finishMs: t3 - t2 } };
    },
    async close() {
      await workers.idle();
      await workers.close();
      await Promise.all([prepare?.release(), finish.release()]);
    },
  };
}

const LARGE = 4096; // elements from which an input goes through shared memory instead of being cloned with the message

/**
 * Copies the large inputs of micro-batches into shared memory that is kept from step to step: posting a view of an
 * ordinary array would clone the whole array behind it for every worker.
 */
function createStage(): (batches: readonly MicroBatch[]) => MicroBatch[] {
  const places = new Map<string, Float32Array>();
  const place = (key: string, values: Float32Array) => {
    let shared = places.get(key);
    if (!shared || shared.length !== values.length) {
      shared = new Float32Array(share(values.length));
      places.set(key, shared);
    }
    shared.set(values);
    return shared;
  };
  return (batches) =>
    batches.map((batch, i) =>
      Object.fromEntries(
        Object.entries(batch).map(([name, values]) => [
          name,
          values instanceof Float32Array && values.length >= LARGE ? place(`${i} ${name}`, values) : values,
        ]),
      ),
    );
}

/** The parameters that a session reads. */
function pick(session: EngineSession, parameters: Parameters): Record<string, Tensor> {
  return Object.fromEntries(
    session.inputNames.flatMap((name) => (parameters.has(name) ? [[name, parameters.get(name)!] as const] : [])),
  );
}
