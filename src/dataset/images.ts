import { BeitError } from "../platform/errors.ts";
import { absolutePath, baseName, compareCodePoints, pathKind, walkFiles } from "../platform/folders.ts";

/**
 * What is taken for a picture by its name: the kinds that can be decoded, and BMP, which is better refused by name than passed
 * over; the rest of a folder is skipped and counted.
 */
export const imageExtensions = [
  "jpg",
  "jpeg",
  "jpe",
  "jfif",
  "png",
  "webp",
  "gif",
  "tif",
  "tiff",
  "avif",
  "bmp",
] as const;

const imageName = new RegExp(`\\.(${imageExtensions.join("|")})$`, "i");

/** Whether a file's name ends as a picture's does. */
export function isImageName(name: string): boolean {
  return imageName.test(name);
}

/** A picture without a label. */
export interface ImageFile {
  /** Absolute. */
  path: string;
  /** Relative to the folder it was found in, forward slashes; the name alone for a file given by name. */
  id: string;
}

/**
 * The pictures that files, folders and patterns name, in the order given, each folder's or pattern's by code point, none
 * twice. A file given by name is taken whatever its extension. Patterns know `*`, `?` (not across `/`) and `**`; a name
 * that exists is never a pattern.
 * @throws BeitError `dataset/missing` for a name or pattern that matches nothing; `dataset/no-images` for a folder without
 *   pictures; `file/unreadable`.
 */
export async function listImages(
  inputs: readonly string[],
  options: { recursive?: boolean } = {},
): Promise<ImageFile[]> {
  const found = new Map<string, ImageFile>();
  for (const input of inputs) {
    for (const image of await imagesOf(input, options)) if (!found.has(image.path)) found.set(image.path, image);
  }
  return [...found.values()];
}

async function imagesOf(input: string, options: { recursive?: boolean }): Promise<ImageFile[]> {
  const kind = await pathKind(input);
  if (kind === "file") return [{ path: absolutePath(input), id: baseName(input) }];
  if (kind === "folder") {
    const names = (await walkFiles(input, options)).filter(isImageName);
    if (names.length === 0)
      throw new BeitError("dataset/no-images", `${input}: no pictures in this folder (${imageExtensions.join(", ")})`);
    return names.map((id) => ({ path: absolutePath(id, input), id }));
  }
  if (!/[*?]/.test(input)) throw new BeitError("dataset/missing", `${input}: no such file or folder`);
  return matchingImages(input);
}

async function matchingImages(pattern: string): Promise<ImageFile[]> {
  const parts = pattern.split("/");
  const wild = parts.findIndex((part) => /[*?]/.test(part));
  const folder = wild === 0 ? "." : parts.slice(0, wild).join("/") || "/";
  const rest = parts.slice(wild);
  const matches = globExpression(rest.join("/"));
  const recursive = rest.length > 1 || rest[0]!.includes("**");
  const names = (await pathKind(folder)) === "folder" ? await walkFiles(folder, { recursive }) : [];
  const found = names.filter((name) => matches.test(name) && isImageName(name)).sort(compareCodePoints);
  if (found.length === 0) throw new BeitError("dataset/missing", `${pattern}: the pattern matches no picture`);
  return found.map((id) => ({ path: absolutePath(id, folder), id }));
}

/** A pattern with `*`, `?` and `**` (any number of folders) as an expression over paths with forward slashes. */
export function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\*\*\/|\*\*|\*|\?|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === "**/") return "(?:[^/]+/)*";
    if (token === "**") return ".*";
    if (token === "*") return "[^/]*";
    return token === "?" ? "[^/]" : `\\${token}`;
  });
  return new RegExp(`^${source}$`, "su");
}
