import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium } from "playwright-core";

// Debian's Chromium, and a server of folders for it. With REQUIRE_CHROMIUM, as in CI, its absence is a failure.

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Whether there is a browser to test with; says so once where there is none. @throws Error with REQUIRE_CHROMIUM */
export function hasChromium(): boolean {
  if (existsSync(EXECUTABLE)) return true;
  const message = `${EXECUTABLE} is absent: install Debian's chromium, or name another with CHROMIUM`;
  if (process.env.REQUIRE_CHROMIUM) throw new Error(message);
  console.warn(`page tests are skipped: ${message}`);
  return false;
}

const FLAGS = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];

const SOFTWARE_ADAPTER = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/**
 * Starts the browser, with a camera that shows a test picture; on request with WebGPU, by an adapter that computes on the
 * processor as a graphics card would.
 */
export const startChromium = ({ webgpu = false } = {}): Promise<Browser> => {
  const args = [...FLAGS, ...(webgpu ? SOFTWARE_ADAPTER : ["--disable-gpu"])];
  return chromium.launch({ executablePath: EXECUTABLE, chromiumSandbox: false, args });
};

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
};

/** A server on a free port of this machine. */
export interface FolderServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves folders by the first part of the path; `isolated` sends the headers of cross-origin isolation. */
export async function serveFolders(
  folders: Readonly<Record<string, string>>,
  isolated: boolean,
): Promise<FolderServer> {
  const server = createServer(async (request, response) => {
    const [, first = "", ...rest] = decodeURI(new URL(request.url!, "http://x").pathname).split("/");
    const folder = folders[first];
    const path = folder === undefined ? join(folders[""]!, first, ...rest) : join(folder, ...rest);
    const file = path.endsWith("/") || first === "" ? join(path, "index.html") : path;
    const content = await readFile(normalize(file)).catch(() => undefined);
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    response.writeHead(content ? 200 : 404).end(request.method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
