import type { Context } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { BeitError } from "../platform/errors.ts";
import { ISOLATION } from "./access.ts";
import type { RequestState } from "./services.ts";
import { MODEL_FOLDER, pageFiles, SITE_LIST, type Site, typeOfFile } from "./site.ts";

/** Where the page's files are answered. */
export const PAGE_PATHS = [
  "/",
  "/index.html",
  "/sw.js",
  "/site.json",
  "/site.webmanifest",
  "/icon.svg",
  "/assets/:name",
  "/model/:name",
] as const;

const HASHED = "public, max-age=31536000, immutable"; // names below assets/ change with their content

/** Answers with a file of the page. @throws BeitError `request/not-found` for another */
export async function answerFile(c: Context<RequestState>, site: () => Promise<Site>): Promise<Response> {
  const path = c.req.path === "/" ? "index.html" : c.req.path.slice(1);
  const ofModel = path === SITE_LIST || path.startsWith(MODEL_FOLDER);
  const content = (await (ofModel ? site() : pageFiles())).get(path); // the page need not wait for its model
  if (!content) throw new BeitError("request/not-found", `there is no ${path} of the page`);
  c.header("Cache-Control", path.startsWith("assets/") ? HASHED : "no-cache");
  const headers = { "Content-Type": typeOfFile(path), "Content-Length": `${content.byteLength}` };
  return c.body(inPieces(content), 200, headers);
}

const PIECE = 65_536; // bytes

/** Views of the content as they are asked for: a body of the whole is copied, and held until a slow client has it. */
function inPieces(content: Uint8Array): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (at < content.length) controller.enqueue(content.subarray(at, at + PIECE));
        else controller.close();
        at += PIECE;
      },
    },
    { highWaterMark: 0 },
  );
}

/** The headers of the page: it may run its own scripts and WebAssembly, use the camera, and ask this server for files. */
export const pageHeaders = () =>
  secureHeaders({
    ...ISOLATION,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", "blob:"],
      mediaSrc: ["blob:"],
      connectSrc: ["'self'"],
      workerSrc: ["'self'"],
      manifestSrc: ["'self'"],
      frameAncestors: ["'none'"],
    },
  });
