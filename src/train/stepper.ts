import type { Outputs } from "../graph/rewrite.ts";
import type { TrainingGraphs } from "../graph/training.ts";
import type { Value } from "../graph/value.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { startWorkers } from "../platform/threads.ts";
import { type DType, float32, type Tensor } from "../tensor/tensor.ts";
import { sharedArray } from "./shared.ts";
import type { StepRequest, StepResponse, StepTimings, StepWorkerData } from "./step-worker.ts";

/** Inputs of one micro-batch by name. */
export type MicroBatch = StepRequest["batches"][number];

/** What one step gives besides gradients: per micro-batch what the graph reports. */
export interface StepResult {
  readonly reports: StepResponse["reports"];
  /** Of the first worker. */
  readonly timings: StepTimings;
}

/** Computes gradients over worker threads. */
export interface Stepper {
  /**
   * What each worker's micro-batches give, in shared memory: their sum over the workers is the gradient of the sum of the
   * micro-batches' losses, per parameter. Divide by the number of micro-batches.
   */
  readonly gradients: readonly [ReadonlyMap<string, Tensor<"float32">>, ...ReadonlyMap<string, Tensor<"float32">>[]];
  /** Writes the gradients at the parameters as they are in memory now. */
  step(batches: readonly MicroBatch[]): Promise<StepResult>;
  close(): Promise<void>;
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
 * Starts the threads of a training step. Every worker prepares the weights, differentiates its micro-batches and takes the
 * sums of their gradients back to the parameters; only parameters and gradients pass between threads, in shared memory.
 * Micro-batch i always goes to worker i mod `workers`, so that a step gives the same bits every time.
 * @param parameters in shared memory; a step reads what they are then
 */
export async function createStepper(
  graphs: TrainingGraphs,
  inputs: readonly Value[],
  parameters: ReadonlyMap<string, Tensor<"float32">>,
  options: { readonly workers: number; readonly threads: number },
): Promise<Stepper> {
  const trained = Object.keys(graphs.finish).map((name) => name.slice("grad.".length));
  const zeros = ({ data, shape }: Tensor<"float32">) => float32(sharedArray(data.length), shape);
  const forOne = () => new Map(trained.map((name) => [name, zeros(parameters.get(name)!)]));
  const gradients: Stepper["gradients"] = [forOne(), ...Array.from({ length: options.workers - 1 }, forOne)];
  const encode = (outputs: Outputs, name: string) => encodeModel(toModel(outputs, { name }));
  const workers = await startWorkers<StepRequest, StepResponse>("train/step-worker", options.workers, {
    ...(Object.keys(graphs.prepare).length && { prepare: encode(graphs.prepare, "prepare") }),
    micro: encode(graphs.micro, "micro"),
    finish: encode(graphs.finish, "finish"),
    threads: options.threads, // of a worker: a narrow model has many small operators, which gain nothing from more
    prepared: Object.entries(graphs.prepare).map(([name, { shape }]) => [name, shape]),
    summed: graphs.summed.map((name) => [name, graphs.prepared.get(name)!]),
    inputs: describeInputs(inputs),
    parameters,
    gradients,
  } satisfies StepWorkerData);
  const stage = createStage();

  return {
    gradients,
    async step(batches) {
      const staged = stage(batches);
      const shares = gradients.map((_, w) => staged.filter((_, i) => i % options.workers === w));
      const answers = await Promise.all(shares.map((own, w) => workers.request(w, { worker: w, batches: own })));
      const reports = batches.map((_, i) => answers[i % options.workers]!.reports[Math.floor(i / options.workers)]!);
      return { reports, timings: answers[0]!.timings };
    },
    async close() {
      await workers.idle();
      await workers.close();
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
      shared = sharedArray(values.length);
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
