import type { Precision } from "../evaluate/quantized.ts";
import { BeitError } from "../platform/errors.ts";
import type { LogEntry } from "../platform/log.ts";
import { type AppFetch, createApp } from "./app.ts";
import { createBudget } from "./body.ts";
import { systemClock } from "./clock.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { createMetrics } from "./metrics.ts";
import { createModels, type Models } from "./models.ts";
import { openModel } from "./runner.ts";
import type { Access } from "./services.ts";
import { createSite, type Site } from "./site.ts";

/** What is served, to whom and how. */
export interface ServiceOptions {
  /** Paths of models by name; the first is the one used where a request names none. */
  readonly models: ReadonlyMap<string, string>;
  readonly limits?: Partial<Limits>;
  readonly access?: Partial<Access>;
  /** Threads of each model; see `RunnerOptions`. */
  readonly workers?: number | undefined;
  /** See `RunnerOptions`. */
  readonly precision?: Precision | undefined;
  /** Most bytes that models at work may take together. */
  readonly maxModelBytes?: number | undefined;
  log?(entry: LogEntry): void;
}

/** A service without a port. */
export interface Service {
  readonly fetch: AppFetch;
  readonly models: Models;
  readonly limits: Limits;
  /** From now on it says that it is not ready, and its answers close their connections. */
  stop(): void;
  /** Ends the threads of its models. */
  close(): Promise<void>;
}

/**
 * Puts a service together; models are loaded when they are first asked for.
 * @throws BeitError `usage/models` without any; `usage/token` for a token that no header can carry
 */
export function createService(options: ServiceOptions): Service {
  const { models: paths, workers, maxModelBytes = Number.POSITIVE_INFINITY, log = () => undefined } = options;
  if (paths.size === 0) throw new BeitError("usage/models", "serve: expected at least one model");
  const token = options.access?.token;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new BeitError("usage/token", "serve: expected a token of visible ASCII characters without spaces");
  }
  const given: Limits = { ...defaultLimits, ...options.limits };
  const limits: Limits = {
    ...given,
    maxFiles: Math.min(given.maxFiles, given.maxQueue),
    maxHeldBytes: Math.max(given.maxHeldBytes, given.maxBodyBytes),
  };
  const clock = systemClock;
  const metrics = createMetrics();
  const models = createModels({
    names: [...paths.keys()],
    open: (name, purpose) =>
      openModel(paths.get(name)!, purpose, {
        limits,
        clock,
        workers,
        precision: options.precision,
        onRemark: (message) => log({ level: "warn", message, model: name }),
        onBatch: (batch) => metrics.batch(name, batch),
      }),
    maxBytes: maxModelBytes,
  });
  metrics.watch(models);
  let stopping = false;
  const app = createApp({
    models,
    limits,
    clock,
    metrics,
    log,
    site: token === undefined ? lazySite(paths, options.precision) : undefined,
    budget: createBudget(limits.maxHeldBytes),
    access: { origins: [], ...options.access },
    isStopping: () => stopping,
  });
  return {
    fetch: app.fetch,
    models,
    limits,
    stop: () => {
      stopping = true;
    },
    close: () => models.close(),
  };
}

/** The first model's page, prepared when it is first asked for. A token keeps the model in: then there is none. */
function lazySite(paths: ReadonlyMap<string, string>, precision: Precision = "auto"): () => Promise<Site> {
  const [[name, path]] = [...paths] as [[string, string]];
  let site: Promise<Site> | undefined;
  return () => {
    site ??= createSite(path, precision, name);
    site.catch(() => {
      site = undefined; // e.g. a file that was being written: the next request tries again
    });
    return site.catch((error) => {
      if (!(error instanceof BeitError) || error.code !== "model/not-a-classifier") throw error;
      throw new BeitError("request/not-found", `there is no page: ${name} is no classifier`);
    });
  };
}
