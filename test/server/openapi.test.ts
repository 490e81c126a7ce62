import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Service } from "../../src/server/service.ts";
import { jpeg } from "../cli/run.ts";
import { get, post, postFiles, postPicture, serviceOf, stalledService, writeModels } from "./service.ts";

interface Document {
  paths: Record<
    string,
    Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>
  >;
  components: { schemas: Record<string, object> };
}

let service: Service;
let document: Document;
let picture: Uint8Array;

beforeAll(async () => {
  service = serviceOf(await writeModels(), { limits: { maxBodyBytes: 50_000, maxFiles: 3 } }).service;
  document = (await (await service.fetch(get("/openapi.json"))).json()) as Document;
  picture = await jpeg(100, "described");
});
afterAll(() => service.close());

/** Whether a body is what the document says of a status of an operation. */
async function check(response: Response, method: string, path: string): Promise<string> {
  const described = document.paths[path]?.[method]?.responses[response.status];
  if (!described) return `${method} ${path}: ${response.status} is not described`;
  const schema = described.content?.["application/json"]?.schema;
  if (!schema) return "described";
  const ajv = new Ajv2020({ strict: false });
  const validate = ajv.compile({ ...schema, components: document.components });
  return validate(await response.json()) ? "described" : ajv.errorsText(validate.errors);
}

describe("/openapi.json", () => {
  it("is a valid OpenAPI 3.1 document", async () => {
    const result = await new Validator().validate({ ...structuredClone(document) });
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it("names every path of the service", () => {
    expect(
      Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((m) => `${m} ${path}`)),
    ).toMatchInlineSnapshot(`
      [
        "post /v1/classify",
        "post /v1/features",
        "get /v1/model",
        "get /v1/models",
        "get /healthz",
        "get /readyz",
        "get /metrics",
      ]
    `);
  });

  it("describes what the service answers", async () => {
    const files = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`${i}.jpg`, i === 1 ? picture.subarray(9) : picture]),
      );
    const requests: [string, string, Request][] = [
      ["post", "/v1/classify", postPicture("/v1/classify", picture)],
      ["post", "/v1/classify", postFiles("/v1/classify", files(3))],
      ["post", "/v1/classify", postFiles("/v1/classify", files(4))],
      ["post", "/v1/classify", postPicture("/v1/classify?explain=gradient", picture)],
      ["post", "/v1/classify", postPicture("/v1/classify?explain=gradient&label=none", picture)],
      ["post", "/v1/classify", postPicture("/v1/classify", picture.subarray(9))],
      ["post", "/v1/classify", postPicture("/v1/classify", picture.subarray(0, 300))],
      ["post", "/v1/classify", postPicture("/v1/classify", new Uint8Array(60_000))],
      ["post", "/v1/classify", postPicture("/v1/classify?model=none", picture)],
      ["post", "/v1/classify", post("/v1/classify", "{", { "content-type": "application/json" })],
      ["post", "/v1/features", postPicture("/v1/features", picture)],
      ["post", "/v1/features", postFiles("/v1/features?pool=cls", files(2))],
      ["post", "/v1/features", postPicture("/v1/features?pool=max", picture)],
      ["get", "/v1/model", get("/v1/model")],
      ["get", "/v1/model", get("/v1/model?model=none")],
      ["get", "/v1/models", get("/v1/models")],
      ["get", "/healthz", get("/healthz")],
      ["get", "/readyz", get("/readyz")],
      ["get", "/metrics", get("/metrics")],
    ];
    for (const [method, path, request] of requests) {
      expect(await check(await service.fetch(request), method, path)).toBe("described");
    }
    const { fetch } = stalledService({ timeoutMs: 50 });
    expect(await check(await fetch(postPicture("/v1/classify", picture)), "post", "/v1/classify")).toBe("described");
  });

  it("has a page for people, without scripts", async () => {
    const response = await service.fetch(get("/docs"));
    const page = await response.text();
    expect(response.headers.get("content-type")).toContain("text/html");
    for (const path of Object.keys(document.paths)) expect(page).toContain(path);
    for (const name of Object.keys(document.components.schemas)) expect(page).toContain(`<h3>${name}</h3>`);
    expect(page).not.toContain("<script");
  });
});
