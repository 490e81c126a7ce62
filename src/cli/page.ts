import { shippedModel } from "../evaluate/pipeline.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { writeFileAtomic } from "../platform/files.ts";
import { absolutePath, pathKind } from "../platform/folders.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import { namesIn, writeFolderAtomic } from "../platform/runs.ts";
import { createSite, SITE_LIST } from "../server/site.ts";

/** What `beit page` was asked for. */
export interface PageOptions {
  readonly output: string;
  readonly model?: string;
  readonly precision: Precision;
}

/** Writes the page with a model as a static folder, whole or not at all, and resolves to 0. */
export async function runPage({ output, model = shippedModel(), precision }: PageOptions): Promise<number> {
  const folder = withoutEndSlash(output);
  await checkReplaceable(folder);
  const site = await createSite(model, precision);
  await writeFolderAtomic(folder, async (temporary) => {
    for (const [path, content] of site) await writeFileAtomic(`${temporary}/${path}`, content);
  });
  const megabytes = [...site.values()].reduce((sum, { byteLength }) => sum + byteLength, 0) / 1e6;
  say(`beit: ${folder} holds the page: ${site.size} files, ${megabytes.toFixed(1)} MB, for any web host`);
  return 0;
}

const OWN = new Set(["index.html", "sw.js", SITE_LIST, "site.webmanifest", "icon.svg", "assets", "model"]);

/** Only an older site or nothing is replaced, hidden files being something. @throws BeitError `page/not-a-site` */
async function checkReplaceable(folder: string): Promise<void> {
  const kind = await pathKind(folder);
  if (kind === undefined) return;
  const names = kind === "folder" ? await namesIn(folder) : ["a file"];
  const isSite = names.length === 0 || (names.includes(SITE_LIST) && names.every((name) => OWN.has(name)));
  if (isSite && absolutePath(folder) !== absolutePath(".")) return;
  const message = `${folder}: holds more than a page written by beit, or is the folder you are in; choose another folder with -o`;
  throw new BeitError("page/not-a-site", message);
}
