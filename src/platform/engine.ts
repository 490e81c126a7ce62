import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { DType, Tensor } from "../tensor/tensor.ts";
import { BeitError } from "./errors.ts";
import { disableTelemetry } from "./telemetry.ts";

/** How a graph is run. */
export interface EngineOptions {
  /** Threads inside one operator; 1 when several workers run beside each other. */
  readonly threads?: number;
  /** onnxruntime's own graph optimisations: off by default, our graphs come optimised (docs/log.md). */
  readonly optimize?: boolean;
  /** Lay memory out ahead for shapes that come again, as in prediction; a base training step would need 0.7 GB more for it. */
  readonly memoryPattern?: boolean;
  /** Files that a model given as bytes names for some of its weights, by the names it uses. */
  readonly externalData?: Readonly<Record<string, Uint8Array>>;
  /** `"auto"`: by WebGPU in a browser that has it, until that fails. Default, and always in Node: the CPU. */
  readonly device?: Device;
  /** Told why WebGPU is not used. */
  readonly onRemark?: (text: string) => void;
}

/** What a graph is run by. */
export type Device = "cpu" | "auto";

/** A compiled graph. `run` fills `into` where a name is given there and returns every requested output. */
export interface EngineSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Feeds, into?: Feeds): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** Tensors by name. */
export type Feeds = Readonly<Record<string, Tensor>>;

let runtime: Promise<typeof import("onnxruntime-node")> | undefined;

/** onnxruntime, loaded on first use. @throws BeitError `engine/missing` when its binary is not installed. */
async function loadRuntime(): Promise<typeof import("onnxruntime-node")> {
  disableTelemetry();
  runtime ??= import("onnxruntime-node").then(
    (module) => (module as unknown as { default?: typeof module }).default ?? module,
    (error: unknown) => {
      const message = "onnxruntime-node could not be loaded; reinstall with `npm ci`";
      throw new BeitError("engine/missing", `${message} (${(error as Error).message})`, { cause: error });
    },
  );
  return runtime;
}

const half = new Set<DType>(["float16", "bfloat16"]);

/**
 * Compiles an ONNX model given as bytes or as a file path.
 * @throws BeitError `engine/rejected` with onnxruntime's reason when the model is not valid.
 */
export async function createEngine(model: Uint8Array | string, options: EngineOptions = {}): Promise<EngineSession> {
  const ort = await loadRuntime();
  const sessionOptions: InferenceSession.SessionOptions = {
    intraOpNumThreads: options.threads ?? 0,
    interOpNumThreads: 1,
    graphOptimizationLevel: options.optimize ? "all" : "disabled",
    enableMemPattern: options.memoryPattern ?? false,
    logSeverityLevel: 3,
    externalData: Object.entries(options.externalData ?? {}).map(([path, data]) => ({ path, data })),
  };
  let session: InferenceSession;
  try {
    session = await (typeof model === "string"
      ? ort.InferenceSession.create(model, sessionOptions)
      : ort.InferenceSession.create(model, sessionOptions));
  } catch (error) {
    const what = typeof model === "string" ? model : "the graph";
    throw new BeitError("engine/rejected", `${what}: onnxruntime cannot run it: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const wrap = ({ dtype, shape, data }: Tensor): OrtTensor => {
    if (half.has(dtype)) throw new TypeError(`engine: ${dtype} tensors are converted to float32 before they are run`);
    return new ort.Tensor(dtype as "float32", data as Float32Array, shape);
  };
  const wrapAll = (tensors: Feeds) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, wrap(tensor)]));
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, into = {}) {
      const given = wrapAll(into);
      const fetches = Object.fromEntries(session.outputNames.map((name) => [name, given[name] ?? null]));
      const results = await session.run(wrapAll(feeds), fetches);
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]): [string, Tensor] => [
          name,
          into[name] ?? { dtype: tensor.type as DType, shape: tensor.dims, data: tensor.data as Float32Array },
        ]),
      );
    },
    release: () => session.release(),
  };
}
