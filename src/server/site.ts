import { loadClassifier } from "../evaluate/pipeline.ts";
import { PREPARED_FILES, prepareModel } from "../evaluate/prepared.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { BeitError } from "../platform/errors.ts";
import { digest, readFile } from "../platform/files.ts";
import { absolutePath, baseName, pathKind, walkFiles } from "../platform/folders.ts";
import { packagePath } from "../platform/package.ts";

/** The files of a page with its model, by path with forward slashes. */
export type Site = ReadonlyMap<string, Uint8Array>;

/** The list that page and service worker read: all other files, their sizes, whether a page can do without; a digest of everything. */
export const SITE_LIST = "site.json";
/** Where the files of the model are. */
export const MODEL_FOLDER = "model/";
/** What only those load who ask for the graphics card. */
const OPTIONAL = /^assets\/.*asyncify.*\.wasm$|^model\/float\.onnx$/;
const UNLISTED = new Set(["index.html", "sw.js"]); // the one is kept under its folder's address, the other never

let built: Promise<Site> | undefined;

/**
 * The files of the page without a model, read once.
 * @throws BeitError `page/not-built` where this package was not built whole, `file/unreadable`
 */
export function pageFiles(): Promise<Site> {
  built ??= readPage();
  built.catch(() => {
    built = undefined;
  });
  return built;
}

async function readPage(): Promise<Site> {
  const folder = packagePath("dist/page");
  if ((await pathKind(folder)) !== "folder") {
    throw new BeitError("page/not-built", `${folder}: the page is not built; run \`npm run build\``);
  }
  const paths = await walkFiles(folder);
  return new Map(await Promise.all(paths.map(async (path) => [path, await readFile(`${folder}/${path}`)] as const)));
}

/**
 * The page of a model as static files.
 * @param model a model folder or file of weights
 * @throws BeitError as {@link pageFiles} and `loadClassifier`
 */
export async function createSite(model: string, precision: Precision, name = nameOf(model)): Promise<Site> {
  const utf8 = new TextEncoder();
  const files = new Map(await pageFiles());
  const { quantized } = await loadClassifier(model, { precision });
  const prepared = await prepareModel(await loadClassifier(model), quantized, name);
  for (const file of PREPARED_FILES) {
    const content = prepared[file];
    files.set(`${MODEL_FOLDER}${file}`, typeof content === "string" ? utf8.encode(content) : content);
  }
  const version = digest(...[...files].flat()).slice(0, 16);
  const listed = [...files].filter(([path]) => !UNLISTED.has(path));
  const entry = (path: string, bytes: number) => ({ path, bytes, ...(OPTIONAL.test(path) && { optional: true }) });
  const list = { version, files: listed.map(([path, { byteLength }]) => entry(path, byteLength)) };
  return files.set(SITE_LIST, utf8.encode(`${JSON.stringify(list, null, 2)}\n`));
}

const nameOf = (model: string) => baseName(absolutePath(model));

const TYPES: Record<string, string> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  svg: "image/svg+xml",
  wasm: "application/wasm",
  webmanifest: "application/manifest+json",
  md: "text/markdown; charset=utf-8",
};

/** The media type of a file of a site. */
export const typeOfFile = (path: string): string => TYPES[path.replace(/^.*\./, "")] ?? "application/octet-stream";
