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
 * Serves a function of requests over HTTP.
 * @throws BeitError `server/cannot-listen`
 */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  options: ListenOptions,
): Promise<HttpServer> {
  const listener = getRequestListener((request) => fetch(request), { overrideGlobalObjects: false });
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: options.requestTimeoutMs,
      connectionsCheckingInterval: 1000,
    },
    listener,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.timeout = options.idleTimeoutMs;
  await start(server, options);
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${port}`, close: (times) => stop(server, times) };
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
