import { shippedModel } from "../evaluate/pipeline.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { interruptible, say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { absolutePath, baseName } from "../platform/folders.ts";
import { listen } from "../platform/http.ts";
import { createLog } from "../platform/log.ts";
import { memoryBytes } from "../platform/machine.ts";
import type { Limits } from "../server/limits.ts";
import type { Purpose } from "../server/runner.ts";
import { createService } from "../server/service.ts";

/** What `beit serve` was asked for. */
export interface ServeOptions {
  readonly model?: readonly string[];
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly corsOrigin?: readonly string[];
  readonly precision: Precision;
  readonly workers?: number;
  readonly maxBatch?: number;
  /** Milliseconds. */
  readonly batchWindow?: number;
  readonly maxQueue?: number;
  /** Megabytes of a request's body. */
  readonly maxUpload?: number;
  readonly maxFiles?: number;
  readonly maxMegapixels?: number;
  /** Megabytes. */
  readonly modelMemory?: number;
  /** Seconds. */
  readonly timeout?: number;
}

const MEBIBYTE = 2 ** 20;
const HEADERS_TIMEOUT_MS = 10_000;
const LINGER_MS = 500; // after SIGTERM: clients with open connections learn of the end by an answer, not by a reset

/** Serves models over HTTP until Ctrl-C or SIGTERM, answers what it has taken on, and resolves to 0. */
export async function runServe(options: ServeOptions): Promise<number> {
  const log = createLog();
  const service = createService({
    models: modelPaths(options.model ?? [shippedModel()]),
    limits: limitsOf(options),
    access: { token: options.token, origins: options.corsOrigin ?? [] },
    workers: options.workers,
    precision: options.precision,
    maxModelBytes: options.modelMemory === undefined ? memoryBytes() / 2 : options.modelMemory * MEBIBYTE,
    log: (entry) => log.write(entry),
  });
  const { bodyTimeoutMs, timeoutMs } = service.limits;
  try {
    const load = (purpose: Purpose) => service.models.use(undefined, purpose, async () => undefined);
    let hasPage = options.token === undefined;
    await load("classify")
      .catch(async (error) => {
        if (!isNoClassifier(error)) throw error;
        hasPage = false;
        await load("features");
      })
      .catch(unwrap);
    const server = await listen(service.fetch, {
      host: options.host,
      port: options.port,
      headersTimeoutMs: HEADERS_TIMEOUT_MS,
      requestTimeoutMs: HEADERS_TIMEOUT_MS + bodyTimeoutMs,
      idleTimeoutMs: timeoutMs + bodyTimeoutMs,
    });
    say(
      `beit: serving ${service.models.names.join(", ")} at ${server.url} (see ${server.url}/docs)${hasPage ? `; page: ${server.url}/` : ""}`,
    );
    log.write({ level: "info", message: "listening", url: server.url });
    await interruptible(aborted);
    say("beit: stopping: answering what was accepted");
    log.write({ level: "info", message: "stopping" });
    service.stop();
    await server.close({ lingerMs: LINGER_MS, graceMs: timeoutMs + bodyTimeoutMs });
  } finally {
    await service.close();
    log.flush();
  }
  return 0;
}

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** An encoder gives features alone. */
const isNoClassifier = (error: unknown) => error instanceof BeitError && error.code === "model/not-a-classifier";

/** At the start whoever serves is told why a model cannot be loaded; later only the log is. */
function unwrap(error: unknown): never {
  throw error instanceof BeitError && error.cause instanceof BeitError ? error.cause : error;
}

/** Models by name: `NAME=PATH`, or a path whose last part is the name. @throws BeitError `usage/models` */
function modelPaths(given: readonly string[]): Map<string, string> {
  const paths = new Map<string, string>();
  for (const argument of given) {
    const [, named, rest] = /^([\w.-]+)=(.+)$/s.exec(argument) ?? [];
    const path = rest ?? argument;
    const name = named ?? baseName(absolutePath(path));
    if (paths.has(name)) {
      throw new BeitError("usage/models", `--model: two models are called "${name}"; name one of them with NAME=PATH`);
    }
    paths.set(name, path);
  }
  return paths;
}

function limitsOf(options: ServeOptions): Partial<Limits> {
  const { maxBatch, batchWindow, maxQueue, maxUpload, maxFiles, maxMegapixels, timeout } = options;
  return {
    ...(maxBatch === undefined ? {} : { maxBatch }),
    ...(batchWindow === undefined ? {} : { windowMs: batchWindow }),
    ...(maxQueue === undefined ? {} : { maxQueue }),
    ...(maxUpload === undefined ? {} : { maxBodyBytes: maxUpload * MEBIBYTE, maxFileBytes: maxUpload * MEBIBYTE }),
    ...(maxFiles === undefined ? {} : { maxFiles }),
    ...(maxMegapixels === undefined ? {} : { maxPixels: maxMegapixels * 1e6 }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000, bodyTimeoutMs: timeout * 500 }),
  };
}
