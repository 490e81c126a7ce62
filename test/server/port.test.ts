import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fetch, type HttpServer, listen } from "../../src/platform/http.ts";
import type { Service } from "../../src/server/service.ts";
import { jpeg } from "../cli/run.ts";
import { serviceOf, writeModels } from "./service.ts";

let service: Service;
let server: HttpServer;
let picture: Uint8Array<ArrayBuffer>;

beforeAll(async () => {
  service = serviceOf(await writeModels(), { limits: { maxBodyBytes: 100_000, bodyTimeoutMs: 3000 } }).service;
  const times = { headersTimeoutMs: 3000, requestTimeoutMs: 8000, idleTimeoutMs: 20_000 };
  server = await listen(service.fetch, { host: "127.0.0.1", port: 0, ...times });
  picture = Uint8Array.from(await jpeg(120, "wire"));
});
afterAll(async () => {
  await server.close({ lingerMs: 0, graceMs: 100 });
  await service.close();
});

const classify = () =>
  fetch(`${server.url}/v1/classify`, { method: "POST", body: picture, headers: { "content-type": "image/jpeg" } });

/** What the server says on a connection to which these pieces are written, until it closes it or `ms` are over. */
function raw(pieces: readonly (string | Uint8Array)[], ms = 60_000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    let said = "";
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on("data", (part) => (said += part.toString("latin1")));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(said);
    });
    for (const piece of pieces) socket.write(piece);
  });
}

const head = (line: string, ...headers: string[]) =>
  `${[line, "Host: beit.test", "Content-Type: image/jpeg", ...headers].join("\r\n")}\r\n\r\n`;

describe("with a port", () => {
  it("classifies", async () => {
    const response = await classify();
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ model: "small", results: [{ file: "picture" }] });
  });

  it("refuses a body that says it is too large before reading it, and more than it may in chunks", async () => {
    expect(await raw([head("POST /v1/classify HTTP/1.1", "Content-Length: 99999999", "Connection: close")])).toMatch(
      /^HTTP\/1.1 413 /,
    );
    const chunk = `${(50_000).toString(16)}\r\n${"x".repeat(50_000)}\r\n`;
    const chunked = head("POST /v1/classify HTTP/1.1", "Transfer-Encoding: chunked", "Connection: close");
    expect(await raw([chunked, chunk, chunk, chunk])).toMatch(/^HTTP\/1.1 413 /);
  });

  it("gives up on slow clients, and serves others meanwhile", async () => {
    const slowBody = raw([head("POST /v1/classify HTTP/1.1", "Content-Length: 5000"), picture.subarray(0, 10)]);
    const slowHead = raw(["POST /v1/classify HTTP/1.1\r\nHost: x\r\nX-Slow: "]);
    expect((await classify()).status).toBe(200);
    expect(await slowBody).toMatch(/^HTTP\/1.1 408 /);
    expect(await slowHead).toMatch(/^HTTP\/1.1 408 /);
  });

  it.each<[string, RegExp, string]>([
    ["huge headers", /^HTTP\/1.1 431 /, head("GET /healthz HTTP/1.1", `X-Huge: ${"h".repeat(20_000)}`)],
    ["no HTTP", /^HTTP\/1.1 400 /, "\u0016\u0003\u0001 hello\r\n\r\n"],
    ["a bad length", /^HTTP\/1.1 400 /, head("POST /v1/classify HTTP/1.1", "Content-Length: -5")],
    ["two lengths", /^HTTP\/1.1 400 /, head("POST /v1/classify HTTP/1.1", "Content-Length: 5", "Content-Length: 6")],
    [
      "length and chunks",
      /^HTTP\/1.1 400 /,
      head("POST /v1/classify HTTP/1.1", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ],
    ["a bad chunk", /^HTTP\/1.1 400 |^$/, `${head("POST /v1/classify HTTP/1.1", "Transfer-Encoding: chunked")}zz\r\n`],
    ["no host", /^HTTP\/1.1 400 /, "GET /healthz HTTP/1.1\r\n\r\n"],
    ["a bad host", /^HTTP\/1.1 400 /, "GET /healthz HTTP/1.1\r\nHost: a b/..\r\nConnection: close\r\n\r\n"],
    ["a path upwards", /^HTTP\/1.1 404 /, head("GET /../../../etc/passwd HTTP/1.1", "Connection: close")],
    ["a proxy's path", /^HTTP\/1.1 404 /, head("GET http://evil.test/secret HTTP/1.1", "Connection: close")],
    ["a tunnel", /^(HTTP\/1.1 4\d\d .*)?$/s, head("CONNECT evil.test:80 HTTP/1.1")],
    ["a trace", /^HTTP\/1.1 40[45] /, head("TRACE /healthz HTTP/1.1", "Connection: close")],
  ])("%s", async (_, expected, text) => {
    expect(await raw([text])).toMatch(expected);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it("answers requests in a row on one connection each with its own", async () => {
    const one = [head("POST /v1/classify?top_k=1 HTTP/1.1", `Content-Length: ${picture.length}`), picture];
    const last = head("GET /healthz HTTP/1.1", "Connection: close");
    const said = await raw([...one, head("GET /nowhere HTTP/1.1"), ...one, last]);
    expect([...said.matchAll(/HTTP\/1.1 (\d+) /g)].map(([, status]) => status)).toEqual(["200", "404", "200", "200"]);
  });

  it("ends a connection whose client does not take its answer", async () => {
    const times = { headersTimeoutMs: 1000, requestTimeoutMs: 1000, idleTimeoutMs: 500 };
    const other = await listen(() => new Response(new Uint8Array(3e7)), { host: "127.0.0.1", port: 0, ...times });
    const socket = connect(Number(new URL(other.url).port), "127.0.0.1", () => socket.write(head("GET / HTTP/1.1")));
    socket.pause();
    const began = performance.now();
    await other.close({ lingerMs: 0, graceMs: 60_000 }); // waits for the connection
    expect(performance.now() - began).toBeLessThan(20_000);
    socket.destroy();
  });

  it("says why it cannot listen", async () => {
    const port = Number(new URL(server.url).port);
    const times = { headersTimeoutMs: 1000, requestTimeoutMs: 1000, idleTimeoutMs: 1000 };
    await expect(listen(service.fetch, { host: "127.0.0.1", port, ...times })).rejects.toThrow(
      `127.0.0.1:${port}: cannot listen: another program is listening there`,
    );
  });
});

/** Keeps this thread from everything else. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe("a crowd of clients that ask again at once", () => {
  const crowdedServer = (fetch: Fetch) =>
    listen(fetch, {
      host: "127.0.0.1",
      port: 0,
      headersTimeoutMs: 3000,
      requestTimeoutMs: 8000,
      idleTimeoutMs: 20_000,
    });

  /** One request over a connection of its own. */
  const askOnce = ({ url }: HttpServer) =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", reject);
      socket.once("data", () => socket.end(resolve));
      socket.write("GET / HTTP/1.1\r\nHost: beit.test\r\n\r\n");
    });

  it("is let in before the first of them are answered many times", async () => {
    const [clients, answersEach] = [40, 10];
    const order: number[] = [];
    const crowded = await crowdedServer((request) => {
      block(2);
      return new Response(new URL(request.url).pathname);
    });
    const port = Number(new URL(crowded.url).port);
    const ask = (client: number) =>
      new Promise<void>((resolve, reject) => {
        const socket = connect(port, "127.0.0.1");
        const request = `GET /${client} HTTP/1.1\r\nHost: beit.test\r\n\r\n`;
        let answers = 0;
        socket.on("error", reject);
        socket.on("data", (part) => {
          if (!part.toString("latin1").includes("200 OK")) return; // the rest of an answer
          order.push(client);
          if (++answers < answersEach) socket.write(request);
          else socket.end(resolve);
        });
        socket.write(request);
      });
    await Promise.all(Array.from({ length: clients }, (_, client) => ask(client)));
    await crowded.close({ lingerMs: 0, graceMs: 100 });

    expect(order).toHaveLength(clients * answersEach);
    const firstAnswers = Array.from({ length: clients }, (_, client) => order.indexOf(client));
    expect(Math.max(...firstAnswers)).toBeLessThan(3 * clients);
  });

  it("has its turns before what takes long is begun", async () => {
    const clients = 40;
    const order: string[] = [];
    const crowded = await crowdedServer(async (_, settled) => {
      block(0.5); // 20 ms in all: far from the 100 that a request waits at most, also on a busy machine
      order.push("turn");
      await settled();
      order.push("work");
      return new Response("done");
    });
    await Promise.all(Array.from({ length: clients }, () => askOnce(crowded)));
    const early = order.indexOf("work"); // turns before it
    order.length = 0;
    await askOnce(crowded);
    expect(order).toEqual(["turn", "work"]);
    await crowded.close({ lingerMs: 0, graceMs: 100 });
    expect(early).toBeGreaterThan(clients / 2);
  });

  it("holds nobody up for as long as it keeps coming", async () => {
    const crowded = await crowdedServer(async (_, settled) => {
      await settled();
      return new Response("done");
    });
    const end = performance.now() + 2000;
    const storm = () => {
      if (performance.now() > end) return;
      const socket = connect(Number(new URL(crowded.url).port), "127.0.0.1", () => socket.destroy());
      socket.on("error", () => undefined);
      setImmediate(storm); // one a turn of the loop, so that no turn is without
    };
    storm();
    await askOnce(crowded);
    const wasStorming = performance.now() < end;
    await crowded.close({ lingerMs: 0, graceMs: 100 });
    expect(wasStorming).toBe(true);
  });
});
