import { listImages } from "../dataset/images.ts";
import type { Picture } from "../evaluate/batch.ts";
import { readStandardInput } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { readFile } from "../platform/files.ts";
import { absolutePath, isAbsolutePath } from "../platform/folders.ts";

/** A picture to classify under the name to show, or an argument that leads to none. */
export type Source =
  | { readonly file: string; readonly picture: Picture }
  | { readonly file: string; readonly error: string };

/** An absolute path as the user would write it: relative where the argument was and it lies below the working folder. */
function shownPath(path: string, argument: string): string {
  const here = `${absolutePath(".")}/`;
  return !isAbsolutePath(argument) && path.startsWith(here) ? path.slice(here.length) : path;
}

/** Paths from a file (`-`: standard input), one a line, or separated by NUL as `find -print0` writes them. */
async function readList(file: string): Promise<string[]> {
  const text = new TextDecoder().decode(file === "-" ? await readStandardInput() : await readFile(file));
  return text.split(text.includes("\0") ? "\0" : /\r?\n/).filter((line) => line !== "");
}

/**
 * The pictures that arguments name: files, folders, patterns, `-` for one from standard input; none twice. An argument
 * that leads to none becomes a source with its error, so that the others are answered.
 * @param listFile a file of more arguments, `-` for standard input
 * @throws BeitError `usage/…` when nothing is asked for or standard input twice
 */
export async function findPictures(given: readonly string[], listFile?: string): Promise<Source[]> {
  if (listFile === "-" && given.includes("-")) {
    throw new BeitError("usage/input", "standard input cannot be both a picture (-) and a list (--files-from -)");
  }
  const listed = listFile === undefined ? [] : await readList(listFile);
  const all = [...given, ...listed];
  if (all.length === 0) {
    throw new BeitError("usage/input", "expected a picture, folder or pattern (add --help for usage)");
  }
  const found = new Map<string, Source>();
  for (const argument of all) {
    for (const [key, source] of await sourcesOf(argument)) if (!found.has(key)) found.set(key, source);
  }
  return [...found.values()];
}

/** The files of the pictures that were found. */
export const filesOf = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) => ("picture" in source ? [source.file] : []));

async function sourcesOf(argument: string): Promise<(readonly [key: string, source: Source])[]> {
  if (argument === "-") {
    return [["-", { file: "-", picture: { bytes: await readStandardInput(), name: "standard input" } }]];
  }
  try {
    const images = await listImages([argument]);
    return images.map(({ path }) => [path, { file: shownPath(path, argument), picture: path }]);
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    return [[`error ${argument}`, { file: argument, error: error.message }]];
  }
}
