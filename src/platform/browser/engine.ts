import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-web";
import type { DType, Tensor } from "../../tensor/tensor.ts";
import type { EngineOptions, EngineSession, Feeds } from "../engine.ts";
import { BeitError } from "../errors.ts";

export type { Device, EngineOptions, EngineSession, Feeds } from "../engine.ts";

type Runtime = typeof import("onnxruntime-web/wasm");
type Provider = "wasm" | "webgpu";

/** Where a page has onnxruntime's own files. Unset: where the bundler put them. */
export interface RuntimeFiles {
  /** URL of ort-wasm-simd-threaded.mjs. */
  readonly mjs?: string;
  /** Content of ort-wasm-simd-threaded.wasm. */
  readonly wasm?: ArrayBuffer;
  /** Content of ort-wasm-simd-threaded.asyncify.wasm, which runs models by WebGPU. */
  readonly gpuWasm?: ArrayBuffer;
}

let files: RuntimeFiles = {};
const loaded = new Map<Provider, Promise<Runtime>>();

/** Says where onnxruntime's files are; before the first model that needs them is loaded. */
export function useRuntime(given: RuntimeFiles): void {
  files = { ...files, ...given };
}

/** onnxruntime-web, loaded on first use. @throws BeitError `engine/missing` */
async function loadRuntime(device: Provider): Promise<Runtime> {
  const known = loaded.get(device);
  if (known) return known;
  const module = device === "wasm" ? import("onnxruntime-web/wasm") : import("onnxruntime-web/webgpu");
  const runtime = module.then(
    (ort) => {
      if (device === "wasm" && files.mjs) ort.env.wasm.wasmPaths = { mjs: files.mjs };
      const wasm = device === "wasm" ? files.wasm : files.gpuWasm;
      if (wasm) ort.env.wasm.wasmBinary = wasm;
      return ort as Runtime;
    },
    (error: Error) => {
      throw new BeitError("engine/missing", `onnxruntime-web could not be loaded: ${error.message}`, { cause: error });
    },
  );
  loaded.set(device, runtime);
  return runtime;
}

/** Compiles for one device. @throws what onnxruntime throws, and BeitError `engine/missing` */
async function open(model: Uint8Array, options: EngineOptions, device: Provider): Promise<EngineSession> {
  const ort = await loadRuntime(device);
  ort.env.wasm.numThreads ??= globalThis.crossOriginIsolated ? Math.max(1, options.threads ?? 1) : 1;
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [device],
    graphOptimizationLevel: options.optimize ? "all" : "disabled",
    enableMemPattern: options.memoryPattern ?? false,
    logSeverityLevel: 3,
    externalData: Object.entries(options.externalData ?? {}).map(([path, data]) => ({ path, data })),
  } satisfies InferenceSession.SessionOptions);
  const wrap = ({ dtype, shape, data }: Tensor) => new ort.Tensor(dtype as "float32", data as Float32Array, shape);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds, into = {}) {
      const wrapped = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, wrap(tensor)]));
      const results = await session.run(wrapped);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, unwrap(tensor, into[name])]));
    },
    release: () => session.release(),
  };
}

/** A result as a host tensor; copied into the one that is given. */
function unwrap(tensor: OrtTensor, into: Tensor | undefined): Tensor {
  const found: Tensor = { dtype: tensor.type as DType, shape: tensor.dims, data: tensor.data as Float32Array };
  if (!into) return found;
  (into.data as Float32Array).set(found.data as Float32Array);
  return into;
}

/**
 * Compiles an ONNX model. On `device: "auto"` it runs by WebGPU where the browser has it, until that fails: then by
 * WebAssembly, from then on, and `onRemark` is told why.
 * @throws BeitError `engine/rejected` with onnxruntime's reason when the model is not valid, `engine/missing`
 */
export async function createEngine(model: Uint8Array | string, options: EngineOptions = {}): Promise<EngineSession> {
  if (typeof model === "string") {
    throw new BeitError("engine/rejected", `${model}: expected the content of a model, got the path of one`);
  }
  const plain = () =>
    open(model, options, "wasm").catch((error: Error) => {
      if (error instanceof BeitError) throw error;
      throw new BeitError("engine/rejected", `the graph: onnxruntime cannot run it: ${error.message}`, {
        cause: error,
      });
    });
  if (options.device !== "auto") return plain();
  const remark = (reason: string) => options.onRemark?.(`WebGPU is not used: ${reason}`);
  try {
    if (!(await adapter())) throw new Error("this browser offers no adapter");
    return withFallback(await open(model, options, "webgpu"), plain, remark);
  } catch (error) {
    remark((error as Error).message);
    return plain();
  }
}

/** What `navigator.gpu` offers; nothing where there is none. @see W3C WebGPU, section 4.2 */
async function adapter(): Promise<unknown> {
  const { gpu } = navigator as { gpu?: { requestAdapter(): Promise<unknown> } };
  return gpu?.requestAdapter();
}

/** A session in whose place another one is made when it first fails to run. */
function withFallback(
  first: EngineSession,
  other: () => Promise<EngineSession>,
  remark: (reason: string) => void,
): EngineSession {
  let current = first;
  return {
    inputNames: first.inputNames,
    outputNames: first.outputNames,
    async run(feeds: Feeds, into?: Feeds) {
      try {
        return await current.run(feeds, into);
      } catch (error) {
        if (current !== first) throw error;
        remark((error as Error).message);
        await first.release().catch(() => undefined);
        current = await other();
        return current.run(feeds, into);
      }
    },
    release: () => current.release(),
  };
}
