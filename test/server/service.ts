import { join } from "node:path";
import type { ExplainRequest } from "../../src/evaluate/explain-pictures.ts";
import type { LogEntry } from "../../src/platform/log.ts";
import { createApp } from "../../src/server/app.ts";
import { createBatcher } from "../../src/server/batcher.ts";
import { createBudget } from "../../src/server/body.ts";
import { systemClock } from "../../src/server/clock.ts";
import { defaultLimits, type Limits } from "../../src/server/limits.ts";
import { createMetrics } from "../../src/server/metrics.ts";
import { createModels } from "../../src/server/models.ts";
import type { Outcome } from "../../src/server/runner.ts";
import { createService, type Service, type ServiceOptions } from "../../src/server/service.ts";
import { smallConfig, temporaryFolder, writeModel } from "../cli/run.ts";

/** Two small models in a folder of their own: `small`, a classifier, and `encoder`, which has no classes. */
export async function writeModels(): Promise<Map<string, string>> {
  const folder = temporaryFolder();
  const small = await writeModel(join(folder, "small"));
  const encoder = await writeModel(join(folder, "encoder"), { task: "features" });
  return new Map([
    ["small", small],
    ["encoder", encoder],
  ]);
}

/** A service of these models that works in the calling thread and remembers its log. */
export function serviceOf(models: ReadonlyMap<string, string>, options: Partial<ServiceOptions> = {}) {
  const entries: LogEntry[] = [];
  const service = createService({ models, workers: 0, log: (entry) => entries.push(entry), ...options });
  return { service, entries };
}

/** A service whose only model answers when the test says so: every picture is `dark`. */
export function stalledService(limits: Partial<Limits> = {}) {
  const all = { ...defaultLimits, windowMs: 0, ...limits };
  const open: (() => void)[] = [];
  const info = { config: smallConfig, task: "classification" as const, parameters: 1, pooling: "mean" as const };
  const run = (pictures: readonly ExplainRequest[]) =>
    new Promise<Outcome[]>((resolve) => {
      open.push(() => resolve(pictures.map(() => ({ logits: Float32Array.of(1, 0) }))));
    });
  const batcher = createBatcher<ExplainRequest, Outcome>({ ...all, run, clock: systemClock, workers: 1 });
  const models = createModels({
    names: ["stalled"],
    maxBytes: 1,
    open: async () => ({ info, bytes: 1, start: async () => ({ info, batcher, close: async () => undefined }) }),
  });
  const app = createApp({
    models,
    limits: all,
    clock: systemClock,
    metrics: createMetrics(),
    budget: createBudget(all.maxHeldBytes),
    access: { origins: [] },
    log: () => undefined,
    isStopping: () => false,
  });
  const release = () => {
    for (const finish of open.splice(0)) finish();
  };
  return { fetch: app.fetch, batcher, release };
}

/** A request with a body. */
export const post = (
  path: string,
  body: NonNullable<RequestInit["body"]>,
  headers: Record<string, string> = {},
): Request => new Request(`http://beit.test${path}`, { method: "POST", body, headers });

/** A request without one. */
export const get = (path: string, headers: Record<string, string> = {}): Request =>
  new Request(`http://beit.test${path}`, { headers });

/** A picture posted as it is. */
export const postPicture = (path: string, bytes: Uint8Array, headers: Record<string, string> = {}): Request =>
  post(path, bytes as Uint8Array<ArrayBuffer>, { "content-type": "image/jpeg", ...headers });

/** Files posted as a form. */
export function postFiles(path: string, files: Readonly<Record<string, Uint8Array>>): Request {
  const form = new FormData();
  for (const [name, bytes] of Object.entries(files)) {
    form.append("file", new File([bytes as Uint8Array<ArrayBuffer>], name));
  }
  return post(path, form);
}

/** Status and code of an error. */
export async function errorOf(service: Pick<Service, "fetch">, request: Request): Promise<string> {
  const response = await service.fetch(request);
  const body = (await response.json()) as { error?: { code: string } };
  return `${response.status} ${body.error?.code}`;
}
