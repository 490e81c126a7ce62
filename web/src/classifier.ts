import type { ClassScore } from "beit";
import type { Answer, DeviceReport, DeviceWish, Heat, ModelFacts, PageImage, Question } from "./protocol.ts";

/** Scores of a picture, best first, and how long they took in the worker. */
export interface Scored {
  readonly scores: readonly ClassScore[];
  readonly milliseconds: number;
}

/** The model, as the page sees it. */
export interface Classifier {
  readonly ready: Promise<ModelFacts>;
  classify(image: PageImage): Promise<Scored>;
  explain(image: PageImage, label?: string): Promise<Heat>;
  /** Asks for a device; questions asked before are answered first. */
  use(device: DeviceReport["device"]): void;
  /** Tells what classifies, whenever that may have changed. @returns how to stop listening */
  onDevice(listener: (report: DeviceReport) => void): () => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Starts the worker and the download of the model. */
export function startClassifier(onProgress: (received: number, total: number) => void): Classifier {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const pending = new Map<number, Pending>();
  const listeners = new Set<(report: DeviceReport) => void>();
  let nextId = 0;
  const loading = Promise.withResolvers<ModelFacts>();
  const settle = (id: number, act: (pending: Pending) => void) => {
    act(pending.get(id)!);
    pending.delete(id);
  };
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if (data.kind === "progress") onProgress(data.received, data.total);
    else if (data.kind === "ready") loading.resolve(data.model);
    else if (data.kind === "failed") loading.reject(new Error(data.message));
    else if (data.kind === "device") for (const listener of listeners) listener(data.report);
    else if (data.kind === "error") settle(data.id, ({ reject }) => reject(new Error(data.message)));
    else settle(data.id, ({ resolve }) => resolve(data.kind === "heat" ? data.heat : data));
  };
  worker.onerror = ({ message }) => loading.reject(new Error(message || "the worker could not be started"));
  worker.postMessage(new URL(".", document.baseURI).href);
  const ask = <T>(
    question: Omit<Extract<Question, { kind: "explain" }>, "id" | "kind"> & { kind: Question["kind"] },
  ) => {
    const id = nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    pending.set(id, { resolve: resolve as Pending["resolve"], reject });
    const transfer = question.image instanceof ImageBitmap ? [question.image] : [];
    worker.postMessage({ ...question, id }, transfer);
    return promise;
  };
  return {
    ready: loading.promise,
    classify: (image) => ask<Scored>({ kind: "classify", image }),
    explain: (image, label) => ask<Heat>({ kind: "explain", image, label }),
    use: (device) => worker.postMessage({ kind: "device", device } satisfies DeviceWish),
    onDevice(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
