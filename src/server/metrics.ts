import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Models } from "./models.ts";

/** Counts what happens, for Prometheus. */
export interface Metrics {
  /** A request that was answered. `route` is a template or `other`, never a path that a client made up. */
  request(done: {
    readonly route: string;
    readonly method: string;
    readonly status: number;
    readonly ms: number;
  }): void;
  /** An error that a client was told of, for a whole request or one picture. */
  error(code: string): void;
  /** A batch that went through a model. */
  batch(model: string, done: { readonly size: number; readonly waitedMs: number; readonly tookMs: number }): void;
  /** Reads queues from here whenever somebody asks. */
  watch(models: Pick<Models, "loaded">): void;
  readonly contentType: string;
  text(): Promise<string>;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const SIZES = [1, 2, 4, 8, 16, 32, 64];

/** Metrics of a service, at zero. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: "beit_http_requests_total",
    help: "Requests answered",
    labelNames: ["route", "method", "status"],
    registers,
  });
  const latency = new Histogram({
    name: "beit_http_request_duration_seconds",
    help: "Time from the head of a request to its answer",
    labelNames: ["route"],
    buckets: SECONDS,
    registers,
  });
  const errors = new Counter({
    name: "beit_errors_total",
    help: "Errors of requests and of single pictures, by code",
    labelNames: ["code"],
    registers,
  });
  const batchSize = new Histogram({
    name: "beit_batch_size",
    help: "Pictures that went through a model together",
    labelNames: ["model"],
    buckets: SIZES,
    registers,
  });
  const inModel = new Histogram({
    name: "beit_batch_duration_seconds",
    help: "Time of a batch in its thread: decoding, resizing, the model",
    labelNames: ["model"],
    buckets: SECONDS,
    registers,
  });
  const inQueue = new Histogram({
    name: "beit_queue_wait_seconds",
    help: "Time that the first picture of a batch waited",
    labelNames: ["model"],
    buckets: SECONDS,
    registers,
  });
  return {
    request({ route, method, status, ms }) {
      requests.inc({ route, method, status });
      latency.observe({ route }, ms / 1000);
    },
    error: (code) => errors.inc({ code }),
    batch(model, { size, waitedMs, tookMs }) {
      batchSize.observe({ model }, size);
      inModel.observe({ model }, tookMs / 1000);
      inQueue.observe({ model }, waitedMs / 1000);
    },
    watch(models) {
      new Gauge({
        name: "beit_queue_depth",
        help: "Pictures waiting for a model that is loaded",
        labelNames: ["model", "purpose"],
        registers,
        collect() {
          this.reset();
          for (const { name, purpose, waiting } of models.loaded()) this.set({ model: name, purpose }, waiting);
        },
      });
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
