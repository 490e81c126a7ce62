import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import { pictureList } from "./pictures.ts";
import {
  classification,
  classifyQuery,
  featureList,
  featuresQuery,
  modelDescription,
  modelList,
  modelQuery,
  problem,
  status,
} from "./schemas.ts";

const meanings = {
  400: "The body is not what its Content-Type says",
  401: "The bearer token is missing or wrong",
  404: "There is no model of this name",
  408: "The body did not arrive in time",
  413: "Body, file, picture or number of files beyond the limits",
  415: "Not a picture, or a Content-Type that carries none",
  422: "A damaged picture, or a value that is not allowed",
  429: "Too much at once; Retry-After says when to come again",
  500: "A fault of the service",
  503: "Took too long, stopping, or the model cannot be loaded now; Retry-After says when to come again",
} as const;

const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { "application/json": { schema } },
});

function problems(...codes: (keyof typeof meanings)[]) {
  return Object.fromEntries(codes.map((code) => [code, json(problem, meanings[code])]));
}

const binary = { type: "string" as const, format: "binary" };

// No zod schema at JSON and multipart: the body is read under limits first and checked afterwards (pictures.ts).
const pictureBody: NonNullable<NonNullable<RouteConfig["request"]>["body"]> = {
  required: true,
  description: "One picture as it is, several as files of a form, or a list in JSON. JPEG, PNG, WebP, GIF, TIFF, AVIF.",
  content: {
    "image/*": { schema: binary },
    "application/octet-stream": { schema: binary },
    "multipart/form-data": {
      schema: {
        type: "object",
        description: "Files under any names; nothing else.",
        additionalProperties: { oneOf: [binary, { type: "array", items: binary }] },
      },
    },
    "application/json": { schema: { $ref: "#/components/schemas/PictureList" } },
  },
};

/** Schemas of bodies that routes name without zod looking at them. */
export const bodySchemas = { PictureList: pictureList };

export const classifyRoute = createRoute({
  method: "post",
  path: "/v1/classify",
  summary: "Classify pictures",
  description: "One picture that cannot be read is an error; of several, each has its own row.",
  security: [{ bearer: [] }],
  request: { query: classifyQuery, body: pictureBody },
  responses: {
    200: json(classification, "Classes of every picture"),
    ...problems(400, 401, 404, 408, 413, 415, 422, 429, 500, 503),
  },
});

export const featuresRoute = createRoute({
  method: "post",
  path: "/v1/features",
  summary: "Features of pictures",
  description: "The encoder's last hidden state pooled to one vector a picture, for search, clustering and probes.",
  security: [{ bearer: [] }],
  request: { query: featuresQuery, body: pictureBody },
  responses: {
    200: json(featureList, "A vector of every picture"),
    ...problems(400, 401, 404, 408, 413, 415, 422, 429, 500, 503),
  },
});

export const modelRoute = createRoute({
  method: "get",
  path: "/v1/model",
  summary: "Describe a model",
  security: [{ bearer: [] }],
  request: { query: modelQuery },
  responses: { 200: json(modelDescription, "The model"), ...problems(401, 404, 422, 500, 503) },
});

export const modelsRoute = createRoute({
  method: "get",
  path: "/v1/models",
  summary: "List the models",
  security: [{ bearer: [] }],
  responses: { 200: json(modelList, "Names, and whether they are in memory"), ...problems(401, 500) },
});

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the process lives",
  responses: { 200: json(status, "It does") },
});

export const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether to send requests here",
  responses: { 200: json(status, "Yes"), 503: json(problem, "No: it is stopping") },
});

export const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  summary: "Figures for Prometheus",
  security: [{ bearer: [] }],
  responses: {
    200: { description: "Text exposition format", content: { "text/plain": { schema: z.string() } } },
    ...problems(401),
  },
});
