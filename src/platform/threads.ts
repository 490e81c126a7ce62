import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { BeitError } from "./errors.ts";
import { disableTelemetry } from "./telemetry.ts";

type Transferable = ArrayBuffer | MessagePort;

/** A handler's result together with the buffers that move to the asker instead of being copied. */
export class Transferring<T> {
  constructor(
    readonly value: T,
    readonly transfer: readonly Transferable[],
  ) {}
}

/** Threads that answer requests; a request to one thread is answered in any order its handler likes. */
export interface Workers<Request, Response> {
  readonly count: number;
  /**
   * Asks one thread; buffers in `transfer` move there and are empty here afterwards.
   * @throws the handler's error, with its code when it was a BeitError; BeitError `thread/died` when the thread ends first.
   */
  request(worker: number, message: Request, transfer?: readonly Transferable[]): Promise<Response>;
  /** Resolves when no request is open: a thread that is ended inside native code may take the process with it. */
  idle(): Promise<void>;
  /** Ends all threads; requests still open are rejected with `thread/closed`. */
  close(): Promise<void>;
}

interface Asked {
  id: number;
  message: unknown;
}

type Answer =
  | { id: number; value: unknown }
  | { id: number; failure: { code?: string | undefined; message: string; stack?: string | undefined } };

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

const READY = -1; // the id of the answer that says the handler is in place

/**
 * Runs `handler` for every request sent to this thread: the whole of a worker's entry file.
 * @param start makes the handler from the `workerData` given to {@link startWorkers}
 */
export async function serveRequests<Data, Request, Response>(
  start: (
    data: Data,
  ) =>
    | ((message: Request) => Promise<Response | Transferring<Response>>)
    | Promise<(message: Request) => Promise<Response | Transferring<Response>>>,
): Promise<void> {
  const port = parentPort;
  if (!port) throw new BeitError("thread/not-a-worker", "this file is a worker's entry: start it with startWorkers");
  const handler = await start(workerData as Data);
  const answer = async ({ id, message }: Asked) => {
    try {
      const result = await handler(message as Request);
      if (result instanceof Transferring) port.postMessage({ id, value: result.value }, [...result.transfer]);
      else port.postMessage({ id, value: result });
    } catch (error) {
      port.postMessage({ id, failure: describe(error) });
    }
  };
  port.on("message", answer);
  port.postMessage({ id: READY, value: undefined });
}

/**
 * Starts `count` threads on a compiled entry file and waits until their handlers are in place. Idle threads do not keep
 * the process alive.
 * @param entry the file below `dist/` without extension, e.g. `"dataset/loader-worker"`
 * @param data given to each thread's `start`; SharedArrayBuffers in it are shared, the rest is copied
 * @throws BeitError `thread/not-started` with the reason.
 */
export async function startWorkers<Request, Response>(
  entry: string,
  count: number,
  data: unknown,
): Promise<Workers<Request, Response>> {
  // Right from src/platform (tests) and from dist/platform alike: threads always run compiled code.
  const url = new URL(`../../dist/${entry}.js`, import.meta.url);
  const threads = Array.from({ length: count }, (_, i) => startThread(url, `${entry} ${i + 1} of ${count}`, data));
  const close = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.close()));
  };
  try {
    await Promise.all(threads.map((thread) => thread.ready));
  } catch (error) {
    await close();
    const reason = (error as Error).message;
    throw new BeitError("thread/not-started", `worker thread ${entry}: could not start: ${reason}`, { cause: error });
  }
  const open = new Set<Promise<unknown>>();
  const request = (worker: number, message: Request, transfer: readonly Transferable[] = []) => {
    const thread = threads[worker];
    if (!thread) throw new RangeError(`request: worker ${worker} of ${count} does not exist`);
    const answer = thread.request(message, transfer) as Promise<Response>;
    const settled = answer.catch(() => undefined).finally(() => open.delete(settled));
    open.add(settled);
    return answer;
  };
  const idle = async (): Promise<void> => {
    await Promise.all(open);
  };
  return { count, request, idle, close };
}

interface Thread {
  ready: Promise<unknown>;
  request(message: unknown, transfer: readonly Transferable[]): Promise<unknown>;
  close(): Promise<void>;
}

function startThread(url: URL, name: string, data: unknown): Thread {
  disableTelemetry(); // a thread that loads onnxruntime cannot
  const worker = new Worker(url, { workerData: data });
  const pending = new Map<number, Pending>();
  let ended: BeitError | undefined;
  let nextId = 0;

  const expect = (id: number) =>
    new Promise<unknown>((resolve, reject) => {
      pending.set(id, { resolve, reject });
      worker.ref();
    });
  const take = (id: number) => {
    const waiting = pending.get(id);
    if (!waiting) return undefined; // an answer that comes after close, which must not let go of a thread that is ending
    pending.delete(id);
    if (pending.size === 0) worker.unref();
    return waiting;
  };
  const end = (error: BeitError) => {
    ended ??= error;
    for (const id of [...pending.keys()]) take(id)?.reject(ended);
  };

  worker.on("message", (answer: Answer) => {
    if ("failure" in answer) take(answer.id)?.reject(revive(answer.failure));
    else take(answer.id)?.resolve(answer.value);
  });
  worker.on("messageerror", (error) =>
    end(new BeitError("thread/died", `worker thread ${name}: unreadable answer: ${error.message}`)),
  );
  worker.on("error", (error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    end(new BeitError("thread/died", `worker thread ${name} stopped on an error: ${reason}`, { cause: error }));
  });
  worker.on("exit", (code) =>
    end(new BeitError("thread/died", `worker thread ${name} ended early, exit code ${code}`)),
  );

  const request = async (message: unknown, transfer: readonly Transferable[]) => {
    if (ended) throw ended;
    const id = nextId++;
    worker.postMessage({ id, message } satisfies Asked, [...transfer]); // first, since it may throw
    return expect(id);
  };
  const close = async () => {
    end(new BeitError("thread/closed", `worker thread ${name} was closed`));
    await worker.terminate();
  };
  const ready = expect(READY);
  ready.catch(() => undefined); // awaited by startWorkers, which sees the first failure only
  return { ready, request, close };
}

function describe(error: unknown) {
  if (!(error instanceof Error)) return { message: String(error) };
  return { code: error instanceof BeitError ? error.code : undefined, message: error.message, stack: error.stack };
}

function revive(failure: { code?: string | undefined; message: string; stack?: string | undefined }): Error {
  const error = failure.code ? new BeitError(failure.code, failure.message) : new Error(failure.message);
  if (failure.stack) error.stack = failure.stack;
  return error;
}
