import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { BeitError } from "./errors.ts";

/** Where and how long to listen. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** How long the head of a request may take to arrive, in milliseconds. */
  readonly headersTimeoutMs: number;
  /** How long a whole request may take to arrive, in milliseconds. */
  readonly requestTimeoutMs: number;
  /**
   * How long a connection may stand still, also one whose client does not take its answer, in milliseconds; longer than
   * an answer may take to begin.
   */
  readonly idleTimeoutMs: number;
}

/**
 * Answers a request.
 * @param settled resolves at once, or while a crowd of connections is coming in when each of their requests has had its
 *   turn, 100 ms at most: what takes long is to wait for it, so that refusals do not.
 */
export type Fetch = (request: Request, settled: () => Promise<void>) => Response | Promise<Response>;

/** A listening HTTP/1.1 server. */
export interface HttpServer {
  /** `http://HOST:PORT` */
  readonly url: string;
  /**
   * Stops listening after `lingerMs`, in which clients learn from their answers that the end is near, and waits for the
   * answers that are due; what is still open after another `graceMs` is cut off.
   */
  close(options: { readonly lingerMs: number; readonly graceMs: number }): Promise<void>;
}

const MAX_HEADER_BYTES = 16 * 1024; // 431 beyond
const MAX_CONNECTIONS = 4096;

/**
 * Serves a function of requests over HTTP. The process's `Request` and `Response` become the adapter's, which cost a
 * fifth less of this thread for an answer.
 * @throws BeitError `server/cannot-listen`
 */
export async function listen(fetch: Fetch, options: ListenOptions): Promise<HttpServer> {
  const arrivals = createArrivals();
  const listener = getRequestListener(async (request) => {
    await arrivals.turn();
    return fetch(request, arrivals.settled);
  });
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: 1000,
    },
    listener,
  );
  server.on("connection", arrivals.note);
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = options.idleTimeoutMs;
  await start(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: (times) => stop(server, times) };
}

/** Connections that come in a crowd. */
interface Arrivals {
  /** Tells of a new connection. */
  note(): void;
  /** Resolves at once, or in its turn while connections are coming. */
  turn(): Promise<void>;
  /** See {@link Fetch}. */
  settled(): Promise<void>;
}

const SETTLE_MS = 100;

/**
 * Works on one request for each connection while a crowd is coming in, and on all as soon as a turn of the event loop
 * brought none. The loop takes one connection a turn (libuv since 1.45), and a turn under load answers hundreds of
 * requests: without this the last of 320 clients waited for seconds.
 */
function createArrivals(): Arrivals {
  let hasCome = false; // a connection, in this turn of the loop
  let isComing = false; // the crowd: from its first connection until a turn without one
  let isSettled = true; // and all of its requests have had their turn
  let waiting: (() => void)[] = [];
  const later: (() => void)[] = [];
  let patience: NodeJS.Timeout | undefined;
  function next(): void {
    [hasCome, isComing] = [false, hasCome];
    const ready = isComing ? waiting.splice(0, 1) : waiting;
    if (isComing) setImmediate(next);
    else waiting = [];
    for (const resolve of ready) setImmediate(resolve); // one after the other: the first need not wait for the last
    if (!isComing) setImmediate(settle);
  }
  function settle(): void {
    if (isComing) return; // another crowd
    isSettled = true;
    goOn();
  }
  function goOn(): void {
    clearTimeout(patience);
    patience = undefined;
    for (const resolve of later.splice(0)) setImmediate(resolve);
  }
  return {
    note() {
      hasCome = true;
      if (isComing) return;
      isComing = true;
      isSettled = false;
      setImmediate(next);
    },
    turn: () => (isComing ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    settled() {
      if (isSettled) return Promise.resolve();
      patience ??= setTimeout(goOn, SETTLE_MS);
      return new Promise((resolve) => later.push(resolve));
    },
  };
}

function start(server: Server, { host, port }: ListenOptions): Promise<void> {
  const reasons: Record<string, string> = {
    EADDRINUSE: "another program is listening there",
    EACCES: "permission denied",
    EADDRNOTAVAIL: "this machine has no such address",
    ENOTFOUND: "no such host",
  };
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason = reasons[error.code ?? ""] ?? error.message;
      reject(new BeitError("server/cannot-listen", `${host}:${port}: cannot listen: ${reason}`, { cause: error }));
    });
    server.listen(port, host, () => resolve());
  });
}

async function stop(server: Server, times: { readonly lingerMs: number; readonly graceMs: number }): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, times.lingerMs));
  const closed = new Promise((resolve) => server.close(resolve));
  const timer = setTimeout(() => server.closeAllConnections(), times.graceMs);
  await closed;
  clearTimeout(timer);
}
