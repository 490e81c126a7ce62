import { readdir, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, join, resolve, sep } from "node:path";
import { BeitError } from "./errors.ts";
import { fileReason } from "./files.ts";

/** One name in a folder; links count as what they point to, a dangling link as a file; pipes and devices are left out. */
export interface FolderEntry {
  name: string;
  kind: "file" | "folder";
}

/** Orders by Unicode code point (as Python's `sorted` does), where `<` on strings orders by UTF-16 code unit. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    // Surrogates (D800–DFFF) stand for code points above U+FFFF, so they come after E000–FFFF.
    if (x !== y) return (x >= 0xd800 && x < 0xe000 ? x + 0x10000 : x) - (y >= 0xd800 && y < 0xe000 ? y + 0x10000 : y);
  }
  return a.length - b.length;
}

/** The absolute form of a path, relative to `base` (default: the working folder). */
export function absolutePath(path: string, base = "."): string {
  return resolve(base, path);
}

/** Whether a path is absolute on this platform. */
export function isAbsolutePath(path: string): boolean {
  return isAbsolute(path);
}

/** The last part of a path. */
export function baseName(path: string): string {
  return basename(path);
}

/** What lies at a path, links followed; undefined when nothing does. @throws BeitError `file/unreadable`. */
export async function pathKind(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new BeitError("file/unreadable", `${path}: cannot be looked at: ${fileReason(error)}`, { cause: error });
  }
}

/**
 * The names in a folder, by code point, hidden ones (leading dot) left out.
 * @throws BeitError `file/unreadable` naming the folder and the reason.
 */
export async function listFolder(path: string): Promise<FolderEntry[]> {
  try {
    const found = (await readdir(path, { withFileTypes: true })).filter((entry) => !entry.name.startsWith("."));
    const entries = await Promise.all(
      found.map(async (entry): Promise<FolderEntry[]> => {
        const { name } = entry;
        const known = entry.isDirectory() || entry.isFile();
        const { isDirectory, isFile } = kindsOf(known ? entry : await stat(join(path, name)).catch(() => undefined));
        return isDirectory || isFile ? [{ name, kind: isDirectory ? "folder" : "file" }] : [];
      }),
    );
    return entries.flat().sort((a, b) => compareCodePoints(a.name, b.name));
  } catch (error) {
    throw new BeitError("file/unreadable", `${path}: the folder cannot be read: ${fileReason(error)}`, {
      cause: error,
    });
  }
}

/** Of what a link leads to; a link to nothing is a file, which cannot be read. */
const kindsOf = (found: { isDirectory(): boolean; isFile(): boolean } | undefined) => ({
  isDirectory: found?.isDirectory() ?? false,
  isFile: found?.isFile() ?? true,
});

/**
 * The files below a folder, as paths relative to it with forward slashes, by code point; hidden names are left out. Links
 * are followed, but not to a folder that this one lies in, and each real folder is entered once, so links in a circle end.
 * @throws BeitError `file/unreadable` naming the folder that cannot be read.
 */
export async function walkFiles(root: string, options: { recursive?: boolean } = {}): Promise<string[]> {
  const entered = new Set<string>();
  const files: string[] = [];
  const realRoot = await realpath(root).catch(() => root);
  const walk = async (folder: string, prefix: string): Promise<void> => {
    const real = await realpath(folder).catch(() => folder);
    if (entered.has(real) || realRoot.startsWith(join(real, sep))) return;
    entered.add(real);
    for (const { name, kind } of await listFolder(folder)) {
      if (kind === "file") files.push(prefix + name);
      else if (options.recursive !== false) await walk(join(folder, name), `${prefix}${name}/`);
    }
  };
  await walk(root, "");
  return files.sort(compareCodePoints);
}
