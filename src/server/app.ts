import { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { DrawnExplanation } from "../evaluate/explain-pictures.ts";
import { pooledFeatures } from "../evaluate/features.ts";
import { topScores } from "../evaluate/scores.ts";
import { toBase64 } from "../platform/bytes.ts";
import { BeitError } from "../platform/errors.ts";
import { packageVersion } from "../platform/package.ts";
import { nested } from "../tensor/tensor.ts";
import { crossOrigin, requireToken, securityHeaders } from "./access.ts";
import { answerPictures } from "./answer.ts";
import { apiPage, type OpenApiDocument } from "./api-page.ts";
import { type Failure, failureOf, isPassing } from "./errors.ts";
import { observe } from "./observe.ts";
import { answerFile, PAGE_PATHS, pageHeaders } from "./page.ts";
import { invalid } from "./pictures.ts";
import {
  bodySchemas,
  classifyRoute,
  featuresRoute,
  healthRoute,
  metricsRoute,
  modelRoute,
  modelsRoute,
  readyRoute,
} from "./routes.ts";
import type { RequestState, Services } from "./services.ts";

type App = OpenAPIHono<RequestState>;

/** Answers a request; `settled` as the port gives it, see `Fetch`. */
export type AppFetch = (request: Request, settled?: () => Promise<void>) => Promise<Response>;

/** The service as a function from Request to Response; it knows of no port. */
export function createApp(services: Services): { readonly fetch: AppFetch } {
  const app: App = new OpenAPIHono<RequestState>({
    defaultHook: (result) => {
      if (!result.success) throw invalid(result.error);
    },
  });
  const routes = new Set<string>();
  app.onError((error, c) => explain(c, error));
  app.notFound((c) =>
    explain(c, new BeitError("request/not-found", "there is nothing here; /docs lists what there is")),
  );
  const [forAnswers, forPage] = [securityHeaders(), pageHeaders()];
  const isPage = (path: string) => /^\/($|index\.html$|sw\.js$|site\.|icon\.svg$|assets\/|model\/)/.test(path);
  app.use(observe(services, routes), (c, next) => (isPage(c.req.path) ? forPage : forAnswers)(c, next));
  if (services.access.origins.length > 0) app.use(crossOrigin(services.access));
  app.use("/v1/*", requireToken(services.access));
  app.use("/metrics", requireToken(services.access));
  addInference(app, services);
  addModels(app, services);
  addOperation(app, services);
  addDocuments(app);
  const { site } = services;
  if (site) for (const path of PAGE_PATHS) app.get(path, (c) => answerFile(c, site));
  for (const { method, path } of app.routes) if (method !== "ALL") routes.add(path);
  for (const path of routes) refuseOtherMethods(app, path);
  return { fetch: async (request, settled) => app.fetch(request, settled ? { settled } : {}) };
}

function addInference(app: App, services: Services): void {
  app.openapi(classifyRoute, async (c) => {
    const { model: asked, top_k, explain: method, label } = c.req.valid("query");
    if (label !== undefined && !method) throw new BeitError("request/invalid", "label: expected together with explain");
    const { model, rows } = await answerPictures(
      c,
      services,
      { purpose: method ?? "classify", model: asked, label },
      (file, outcome, { info }) => {
        const predictions = topScores(outcome.logits, info.config, top_k);
        const [best] = predictions;
        const row = { file, label: best!.label, score: best!.score, predictions };
        return "overlay" in outcome ? { ...row, explanation: explanationOf(outcome) } : row;
      },
    );
    return c.json({ model, results: rows }, 200);
  });
  app.openapi(featuresRoute, async (c) => {
    const { model: asked, pool } = c.req.valid("query");
    const { model, runner, rows } = await answerPictures(
      c,
      services,
      { purpose: "features", model: asked },
      (file, { logits }, { info }) => {
        return { file, features: Array.from(pooledFeatures(logits, pool ?? info.pooling)) };
      },
    );
    return c.json({ model, pool: pool ?? runner.info.pooling, results: rows }, 200);
  });
}

/** An explanation in JSON. */
function explanationOf({ method, label, score, rows, columns, heat, overlay }: DrawnExplanation) {
  const values = nested(heat, [rows, columns], (value) => Number(value.toFixed(4))) as number[][];
  return { method, label, score, heat: values, overlay: `data:image/png;base64,${toBase64(overlay)}` };
}

function addModels(app: App, { models }: Services): void {
  app.openapi(modelRoute, async (c) => {
    const { name, info } = await models.info(c.req.valid("query").model);
    const { config, task, parameters, pooling } = info;
    const [height, width] = config.imageSize;
    const labels = task === "classification" ? [...config.labels] : [];
    const answer = { name, task, labels, image_size: { height, width }, parameters, features: config.hiddenSize };
    return c.json({ ...answer, pool: pooling }, 200);
  });
  app.openapi(modelsRoute, (c) => {
    const loaded = new Set(models.loaded().map(({ name }) => name));
    const list = models.names.map((name) => ({ name, loaded: loaded.has(name) }));
    return c.json({ default: models.names[0]!, models: list }, 200);
  });
}

function addOperation(app: App, { metrics, isStopping }: Services): void {
  app.openapi(healthRoute, (c) => c.json({ status: "ok" }, 200));
  app.openapi(readyRoute, (c) => {
    if (isStopping()) throw new BeitError("server/stopping", "the service is stopping");
    return c.json({ status: "ready" }, 200);
  });
  app.openapi(metricsRoute, async (c) => c.text(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
}

function addDocuments(app: App): void {
  for (const [name, schema] of Object.entries(bodySchemas)) app.openAPIRegistry.register(name, schema);
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" });
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title: "beit", version: packageVersion(), description: "Image classification and features over HTTP." },
  }) as unknown as OpenApiDocument;
  const page = apiPage(document);
  app.get("/openapi.json", (c) => c.json(document));
  app.get("/docs", (c) => c.html(page));
}

/** A path that there is answers methods that it has not with 405 and says which it has. */
function refuseOtherMethods(app: App, path: string): void {
  const own = app.routes.filter((route) => route.path === path && route.method !== "ALL");
  const allowed = [...new Set(own.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])))].join(", ");
  app.all(path, (c) => {
    c.header("Allow", allowed);
    throw new BeitError("request/method-not-allowed", `expected ${allowed}, got ${c.req.method.slice(0, 20)}`);
  });
}

/** The answer to an error. */
function explain(c: Context<RequestState>, error: unknown): Response {
  const failure = failureOf(error);
  c.set("failure", failure);
  if (failure.status === 500 || failure.code === "model/unavailable") c.set("reason", reasonOf(error));
  if (failure.status === 401) c.header("WWW-Authenticate", "Bearer");
  if (isPassing(failure)) c.header("Retry-After", String(retryAfter(c, failure)));
  const { code, message, status } = failure;
  return c.json({ error: { code, message, request_id: c.get("requestId") } }, status);
}

/** Whole seconds until trying again may help. */
function retryAfter(c: Context<RequestState>, { code }: Failure): number {
  const expectedMs = code.startsWith("server/") ? (c.get("batcher")?.expectedMs ?? 0) : 0;
  return Math.min(60, Math.max(1, Math.ceil(expectedMs / 1000)));
}

function reasonOf(error: unknown): string {
  if (error instanceof BeitError && error.cause instanceof Error) return error.cause.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
