import { createMiddleware } from "hono/factory";
import { routePath } from "hono/route";
import type { RequestState, Services } from "./services.ts";

const GIVEN_ID = /^[\w.-]{1,64}$/;

/**
 * Gives every request its id, taken from the client where it is harmless, and tells log and metrics how it went. Neither
 * learns anything of pictures but how many there were.
 */
export const observe = ({ clock, metrics, log, isStopping }: Services, routes: ReadonlySet<string>) =>
  createMiddleware<RequestState>(async (c, next) => {
    const given = c.req.header("x-request-id") ?? "";
    const requestId = GIVEN_ID.test(given) ? given : crypto.randomUUID();
    const started = clock.now();
    c.set("requestId", requestId);
    c.set("started", started);
    await next();
    c.res.headers.set("X-Request-Id", requestId);
    if (!c.res.headers.has("Cache-Control")) c.res.headers.set("Cache-Control", "no-store");
    if (isStopping()) c.res.headers.set("Connection", "close");

    const { method } = c.req;
    const path = routePath(c, -1); // the template of the last handler: what answered
    const { status } = c.res;
    const route = routes.has(path) ? path : "other";
    const ms = clock.now() - started;
    const failure = c.get("failure");
    metrics.request({ route, method: methods.has(method) ? method : "other", status, ms });
    if (failure) metrics.error(failure.code);
    log({
      level: status === 500 || c.get("reason") !== undefined ? "error" : failure ? "warn" : "info",
      message: "request",
      request_id: requestId,
      method,
      route,
      status,
      duration_ms: +ms.toFixed(1),
      model: c.get("model"),
      pictures: c.get("pictures"),
      code: failure?.code,
      reason: c.get("reason"),
    });
  });

const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
