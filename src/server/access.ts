import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import { secureHeaders } from "hono/secure-headers";
import { BeitError } from "../platform/errors.ts";
import { sameSecret } from "../platform/secrets.ts";
import type { Access, RequestState } from "./services.ts";

/** Lets only requests with the bearer token pass. @throws BeitError `request/unauthorized` */
export const requireToken = ({ token }: Access) =>
  createMiddleware<RequestState>(async (c, next) => {
    if (token !== undefined) {
      const [, given] = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
      if (given === undefined || !sameSecret(given, token)) {
        const came = given === undefined ? "none" : "another one";
        throw new BeitError(
          "request/unauthorized",
          `Authorization: expected the bearer token of this service, got ${came}`,
        );
      }
    }
    await next();
  });

/** Cross-origin reading for the origins that were named and nobody else. */
export const crossOrigin = ({ origins }: Access) =>
  cors({
    origin: [...origins],
    allowMethods: ["GET", "POST"],
    allowHeaders: ["Authorization", "Content-Type", "X-Request-Id"],
    exposeHeaders: ["X-Request-Id", "Retry-After"],
    maxAge: 600,
  });

/** What isolates any answer from other origins. Transport security is the proxy's. */
export const ISOLATION = {
  crossOriginOpenerPolicy: "same-origin",
  crossOriginEmbedderPolicy: "require-corp",
  crossOriginResourcePolicy: "same-origin",
  xFrameOptions: "DENY",
  referrerPolicy: "no-referrer",
  strictTransportSecurity: false,
} as const;

/** Headers that keep answers out of other pages' frames, scripts and processes. */
export const securityHeaders = () =>
  secureHeaders({
    ...ISOLATION,
    contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'unsafe-inline'"], frameAncestors: ["'none'"] },
  });
