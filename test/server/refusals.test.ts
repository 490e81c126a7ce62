import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/platform/decode.ts";
import type { Service } from "../../src/server/service.ts";
import { jpeg } from "../cli/run.ts";
import { errorOf, get, post, postFiles, postPicture, serviceOf, stalledService, writeModels } from "./service.ts";

let service: Service;
let guarded: Service;
let models: Map<string, string>;
let picture: Uint8Array;

beforeAll(async () => {
  models = await writeModels();
  const limits = { maxBodyBytes: 60_000, maxFileBytes: 20_000, maxFiles: 3, maxPixels: 10_000, bodyTimeoutMs: 1000 };
  service = serviceOf(models, { limits }).service;
  guarded = serviceOf(models, { access: { token: "correct-horse", origins: ["https://page.test"] } }).service;
  picture = await jpeg(100, "refused");
});
afterAll(async () => {
  await service.close();
  await guarded.close();
});

const json = (body: string, path = "/v1/classify") => post(path, body, { "content-type": "application/json" });
const noise = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 7919) % 251);
const form = (body: string, type = "multipart/form-data; boundary=B") =>
  post("/v1/classify", body, { "content-type": type });

/** A body that comes in pieces and never says how long it will be. */
function streamed(pieces: Iterable<Uint8Array>, end = true): Request {
  const iterator = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = iterator.next();
      if (!done) controller.enqueue(value);
      else if (end) controller.close();
      else await new Promise(() => undefined);
    },
  });
  const init = { method: "POST", body, duplex: "half", headers: { "content-type": "image/jpeg" } };
  return new Request("http://beit.test/v1/classify", init as RequestInit);
}

describe("what is refused", () => {
  it.each<[string, string, () => Request | Promise<Request>]>([
    ["an empty body", "422 request/no-pictures", () => postPicture("/v1/classify", new Uint8Array())],
    ["no picture", "415 image/not-an-image", () => postPicture("/v1/classify", noise(500))],
    ["a damaged picture", "422 image/truncated", () => postPicture("/v1/classify", picture.subarray(0, 200))],
    ["a file too large", "413 image/file-too-large", () => postPicture("/v1/classify", noise(30_000))],
    ["a body too large", "413 request/too-large", () => postPicture("/v1/classify", noise(70_000))],
    ["an endless body", "413 request/too-large", () => streamed(Array.from({ length: 9 }, () => noise(10_000)))],
    ["a body that stops", "408 request/slow", () => streamed([picture.subarray(0, 100)], false)],
    [
      "too many pixels",
      "413 image/too-large",
      async () => postPicture("/v1/classify", await encodePng(flat(101, 100))),
    ],
    ["no type", "415 request/unsupported-type", () => postPicture("/v1/classify", picture, { "content-type": "" })],
    ["a text", "415 request/unsupported-type", () => post("/v1/classify", "hello")],
    [
      "a compressed body",
      "415 request/unsupported-type",
      () => postPicture("/v1/classify", picture, { "content-encoding": "gzip" }),
    ],
    ["broken JSON", "400 request/bad-body", () => json("{")],
    ["JSON of another form", "422 request/invalid", () => json('{"image": "AAAA"}')],
    ["an empty list", "422 request/invalid", () => json('{"images": []}')],
    ["no base64", "422 request/invalid", () => json('{"images": [{"data": "?!"}]}')],
    ["a prototype", "422 request/invalid", () => json('{"__proto__": {"images": [{"data": "AAAA"}]}}')],
    [
      "too many in JSON",
      "413 request/too-many-files",
      () => json(JSON.stringify({ images: Array.from({ length: 4 }, () => ({ data: "AAAA" })) })),
    ],
    [
      "too many files",
      "413 request/too-many-files",
      () => postFiles("/v1/classify", { a: picture, b: picture, c: picture, d: picture }),
    ],
    [
      "JSON of a great many values",
      "413 request/too-many-files",
      () => json(`{"images":[${Array.from({ length: 3000 }, () => "{}").join()}]}`),
    ],
    [
      "a form whose boundary is told twice",
      "400 request/bad-body",
      () => form("--y\r\n\r\n\r\n".repeat(50), 'multipart/form-data; foo="; boundary=zzz"; boundary=y'),
    ],
    [
      "a form with an escaped boundary",
      "400 request/bad-body",
      () => form("--y\r\n\r\n\r\n".repeat(50), 'multipart/form-data; boundary="\\y"'),
    ],
    ["a form without boundary", "400 request/bad-body", () => form("x", "multipart/form-data")],
    ["a broken form", "400 request/bad-body", () => form("--B\r\nnothing")],
    [
      "a form with an option in it",
      "422 request/invalid",
      () => form('--B\r\nContent-Disposition: form-data; name="top_k"\r\n\r\n3\r\n--B--\r\n'),
    ],
    ["no classes", "422 request/invalid", () => postPicture("/v1/classify?top_k=0", picture)],
    ["another explanation", "422 request/invalid", () => postPicture("/v1/classify?explain=saliency", picture)],
    ["a label to no end", "422 request/invalid", () => postPicture("/v1/classify?label=dark", picture)],
    [
      "a label that is none",
      "422 explain/unknown-label",
      () => postPicture("/v1/classify?explain=gradient&label=grey", picture),
    ],
    [
      "an explanation of what has no classes",
      "422 model/not-a-classifier",
      () => postPicture("/v1/classify?explain=rollout&model=encoder", picture),
    ],
    ["classes in words", "422 request/invalid", () => postPicture("/v1/classify?top_k=two", picture)],
    ["two top_k", "422 request/invalid", () => postPicture("/v1/classify?top_k=1&top_k=2", picture)],
    ["an unknown option", "422 request/invalid", () => postPicture("/v1/classify?topk=1", picture)],
    ["another pooling", "422 request/invalid", () => postPicture("/v1/features?pool=max", picture)],
    ["an unknown model", "404 model/unknown", () => postPicture("/v1/classify?model=..%2Fsmall", picture)],
    ["classes of an encoder", "422 model/not-a-classifier", () => postPicture("/v1/classify?model=encoder", picture)],
    ["another path", "404 request/not-found", () => get("/v1/classify/more")],
    ["a file that the page has not", "404 request/not-found", () => get("/assets/more.js")],
    ["GET of a picture", "405 request/method-not-allowed", () => get("/v1/classify")],
    [
      "DELETE of a model",
      "405 request/method-not-allowed",
      () => new Request("http://x.test/v1/model", { method: "DELETE" }),
    ],
  ])("%s: %s", async (_, expected, request) => {
    expect(await errorOf(service, await request())).toBe(expected);
  });

  it("says what was expected, what came and under which id", async () => {
    const response = await service.fetch(postPicture("/v1/classify?top_k=0", picture, { "x-request-id": "mine-1" }));
    expect(await response.json()).toEqual({
      error: { code: "request/invalid", message: "top_k: Too small: expected number to be >=1", request_id: "mine-1" },
    });
    const wrongMethod = await service.fetch(get("/v1/classify"));
    expect(wrongMethod.headers.get("allow")).toBe("POST");
  });
});

const flat = (width: number, height: number) => ({ width, height, data: new Uint8Array(3 * width * height).fill(90) });

describe("when too much comes at once", () => {
  const ask = (fetch: Service["fetch"]) => fetch(postPicture("/v1/classify", picture));

  it("refuses what the queue cannot hold with 429, at once, and recovers", async () => {
    const { fetch, batcher, release } = stalledService({ maxBatch: 1, maxQueue: 2 });
    const accepted = Array.from({ length: 4 }, () => ask(fetch)); // one at work, one ready behind it, two waiting
    await expect.poll(() => batcher.waiting, { timeout: 60_000 }).toBe(2);
    const refused = await ask(fetch);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { code: "server/queue-full" } });
    const done = Promise.all(accepted);
    const releasing = setInterval(release, 1);
    expect((await done).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await ask(fetch)).status).toBe(200);
    clearInterval(releasing);
  });

  it("tells a crowd that the queue is full before the bodies of those who found a place are read", async () => {
    const { fetch, batcher, release } = stalledService({ maxBatch: 1, maxQueue: 2 });
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const request = () => postPicture("/v1/classify", picture);
    const [first, second] = [request(), request()];
    const accepted = [first, second].map((one) => fetch(one, () => gate));
    expect(await errorOf({ fetch: (one) => fetch(one, () => gate) }, request())).toBe("429 server/queue-full");
    expect(await errorOf({ fetch }, request())).toBe("429 server/queue-full");
    expect([first.bodyUsed, second.bodyUsed, batcher.waiting]).toEqual([false, false, 0]);
    open();
    const releasing = setInterval(release, 1);
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200]);
    clearInterval(releasing);
  });

  it("keeps no place for bodies that do not come", async () => {
    const { fetch, release } = stalledService({ maxBatch: 1, maxQueue: 2, bodyTimeoutMs: 500 });
    const slow = Array.from({ length: 3 }, () => fetch(streamed([picture.subarray(0, 100)], false), async () => {}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const releasing = setInterval(release, 1);
    expect((await ask(fetch)).status).toBe(200);
    clearInterval(releasing);
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([408, 408, 408]);
  });

  it("refuses bodies that would not fit into memory together, and counts none for ever", async () => {
    const { fetch, release } = stalledService({ maxHeldBytes: 1.5 * picture.length });
    const first = ask(fetch);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await errorOf({ fetch }, postPicture("/v1/classify", picture))).toBe("429 server/too-many-bytes");
    const releasing = setInterval(release, 1);
    expect((await first).status).toBe(200);
    for (let i = 0; i < 5; i++) expect((await ask(fetch)).status).toBe(200);
    clearInterval(releasing);
  });

  it("answers 503 when time is over, and drops what nobody waits for", async () => {
    const { fetch, batcher, release } = stalledService({ maxBatch: 1, timeoutMs: 100 });
    const late = await Promise.all(Array.from({ length: 5 }, () => ask(fetch)));
    expect(late.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    expect(late[0]!.headers.get("retry-after")).toMatch(/^\d+$/);
    await expect.poll(() => batcher.waiting, { timeout: 60_000 }).toBe(0);
    release();
  });

  it("forgets the pictures of a client that went away", async () => {
    const { fetch, batcher, release } = stalledService({ maxBatch: 1 });
    const controllers = Array.from({ length: 5 }, () => new AbortController());
    const answers = controllers.map(({ signal }) =>
      fetch(new Request(postPicture("/v1/classify", picture), { signal })),
    );
    await expect.poll(() => batcher.waiting, { timeout: 60_000 }).toBe(3);
    for (const controller of controllers) controller.abort();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([499, 499, 499, 499, 499]);
    expect(batcher.waiting).toBe(0); // gone when they are told so
    release();
  });
});

describe("who may ask", () => {
  const withToken = (token: string) => postPicture("/v1/classify", picture, { authorization: token });

  it("wants the bearer token", async () => {
    const tokens = ["", "Bearer", "Bearer wrong", "Basic correct-horse", "Bearer correct", "bearer correct-horse x"];
    for (const token of tokens) expect(await errorOf(guarded, withToken(token))).toBe("401 request/unauthorized");
    expect(await errorOf(guarded, get("/metrics"))).toBe("401 request/unauthorized");
    expect((await guarded.fetch(get("/v1/model"))).headers.get("www-authenticate")).toBe("Bearer");
    for (const path of ["/healthz", "/readyz", "/openapi.json", "/docs"]) {
      expect((await guarded.fetch(get(path))).status).toBe(200);
    }
  });

  it("lets the right token in", async () => {
    expect((await guarded.fetch(withToken("Bearer correct-horse"))).status).toBe(200);
  });

  it("is closed to other origins unless they are named", async () => {
    const preflight = (origin: string) =>
      new Request("http://beit.test/v1/classify", {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      });
    const allowed = (response: Response) => response.headers.get("access-control-allow-origin");
    expect(allowed(await guarded.fetch(preflight("https://page.test")))).toBe("https://page.test");
    expect(allowed(await guarded.fetch(preflight("https://other.test")))).toBeNull();
    expect(allowed(await service.fetch(preflight("https://page.test")))).toBeNull();
    expect(allowed(await service.fetch(get("/healthz", { origin: "https://page.test" })))).toBeNull();
  });
});

describe("every answer", () => {
  it("carries security headers and an id", async () => {
    for (const path of ["/healthz", "/docs", "/nowhere", "/v1/model"]) {
      const { headers } = await service.fetch(get(path));
      expect(Object.fromEntries(headers)).toMatchObject({
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
        "cache-control": "no-store",
        "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
      });
    }
    const odd = await service.fetch(get("/healthz", { "x-request-id": "<script>" }));
    expect(odd.headers.get("x-request-id")).not.toContain("<");
  });

  it("is logged without the picture, its name or the token", async () => {
    const { service: logged, entries } = serviceOf(models, { access: { token: "s3cret" } });
    const headers = { authorization: "Bearer s3cret" };
    const files = postFiles("/v1/classify", { "my-face.jpg": picture, "other.jpg": picture });
    for (const [name, value] of Object.entries(headers)) files.headers.set(name, value);
    await logged.fetch(files);
    await logged.fetch(postPicture("/v1/classify", noise(100), headers));
    expect(entries[0]).toMatchObject({
      level: "info",
      route: "/v1/classify",
      status: 200,
      pictures: 2,
      model: "small",
    });
    expect(entries[1]).toMatchObject({ level: "warn", status: 415, code: "image/not-an-image" });
    expect(JSON.stringify(entries)).not.toMatch(/my-face|s3cret/);
    const metrics = await (await logged.fetch(get("/metrics", headers))).text();
    expect(metrics).toContain('beit_http_requests_total{route="/v1/classify",method="POST",status="200"} 1');
    expect(metrics).toContain('beit_errors_total{code="image/not-an-image"} 1');
    expect(metrics).toMatch(/beit_batch_size_sum\{model="small"\} 3/);
    expect(metrics).toContain('beit_queue_depth{model="small",purpose="classify"} 0');
    await logged.close();
  });

  it("says when the end is near", async () => {
    const { service: ending } = serviceOf(models);
    expect((await ending.fetch(get("/readyz"))).status).toBe(200);
    ending.stop();
    expect(await errorOf(ending, get("/readyz"))).toBe("503 server/stopping");
    const answer = await ending.fetch(postPicture("/v1/classify", picture));
    expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
    await ending.close();
  });
});
