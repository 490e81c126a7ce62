import { createHash, randomBytes } from "node:crypto";
import {
  access,
  constants,
  type FileHandle,
  mkdir,
  open,
  readFile as read,
  realpath,
  rename,
  rm,
  stat,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BeitError } from "./errors.ts";

const reasons: Record<string, string> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "it is a folder, not a file",
  ENOTDIR: "a part of the path is a file, not a folder",
  ENOSPC: "no space left on the device",
  EROFS: "the file system is read-only",
  EMFILE: "too many open files",
  EDQUOT: "the disk quota is used up",
};

/** The plain-words reason of a file-system error. */
export function fileReason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException)?.code ?? "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}

/** Makes a folder and those it lies in, where they are missing; resolves to the first one made. @throws Node's error */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    await access(await nearest(path), constants.W_OK); // Node says ENOENT of a file system that is read-only
    throw error;
  }
}

/** The path itself or the folder above it that is there. */
async function nearest(path: string): Promise<string> {
  const there = await stat(path).catch(() => undefined);
  return there || dirname(path) === path ? path : nearest(dirname(path));
}

const unreadable = (path: string, error: unknown) =>
  new BeitError("file/unreadable", `${path}: cannot be read: ${fileReason(error)}`, { cause: error });

/** Whole content of a file, also beyond the 2 GiB of Node's own. @throws BeitError `file/unreadable` with the reason. */
export async function readFile(path: string): Promise<Uint8Array> {
  try {
    return await read(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_FS_FILE_TOO_LARGE") return readLarge(path);
    throw unreadable(path, error);
  }
}

async function readLarge(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const whole = new Uint8Array((await file.stat()).size);
      for (let at = 0; at < whole.length; ) {
        const { bytesRead } = await file.read(whole, at, Math.min(whole.length - at, 2 ** 30));
        if (bytesRead === 0) throw new Error("it became shorter while it was read");
        at += bytesRead;
      }
      return whole;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Whole content of a UTF-8 text file. @throws BeitError `file/unreadable`. */
export async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readFile(path));
}

/** Parsed JSON of a file. @throws BeitError `file/unreadable` or `file/not-json`. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BeitError("file/not-json", `${path}: is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** A file that appears whole on `commit` or not at all. Every step throws BeitError `file/unwritable` when it fails. */
export interface AtomicFile {
  /** Adds to the end. */
  write(part: string | Uint8Array): Promise<void>;
  /** Writes over bytes that are there already. */
  overwrite(start: number, bytes: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Whether a path, links followed, is a pipe, a device or a socket, which takes what is written and keeps no whole. */
export async function isStream(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

/**
 * Opens a file to be written piece by piece so that a reader sees the old content or the whole new one, never a part: the
 * pieces go to a temporary name in the same folder, are flushed to disk and renamed. Missing folders are made. On failure
 * nothing is left behind. What a link points to is written, and a pipe or device as it is.
 * @throws BeitError `file/unwritable` naming the file and the reason (disk full, permission …)
 */
export async function openFileAtomic(path: string): Promise<AtomicFile> {
  const target = await realpath(path).catch(() => path);
  const streams = await isStream(target);
  const temporary = streams
    ? target
    : join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  let file: FileHandle | undefined;
  const discard = async () => {
    await file?.close().catch(() => undefined);
    if (!streams) await rm(temporary, { force: true }).catch(() => undefined);
  };
  const guarded = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      await discard();
      throw new BeitError("file/unwritable", `${path}: cannot be written: ${fileReason(error)}`, { cause: error });
    }
  };
  const opened = await guarded(async () => {
    await makeFolder(dirname(target));
    file = await open(temporary, streams ? "w" : "wx");
    return file;
  });
  return {
    write: (part) => guarded(() => opened.writeFile(part)),
    overwrite: (start, bytes) =>
      guarded(async () => {
        for (let at = 0; at < bytes.length; )
          at += (await opened.write(bytes, at, bytes.length - at, start + at)).bytesWritten;
      }),
    commit: () =>
      guarded(async () => {
        if (!streams) await opened.sync();
        await opened.close();
        if (!streams) await rename(temporary, target);
      }),
    discard,
  };
}

/** Writes a file as {@link openFileAtomic} does. @throws BeitError `file/unwritable` */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const file = await openFileAtomic(path);
  try {
    const whole = typeof content === "string" || content instanceof Uint8Array;
    for (const part of whole ? [content] : content) await file.write(part);
    await file.commit();
  } catch (error) {
    await file.discard();
    throw error;
  }
}

/** SHA-256 of a text, or of parts one after the other, in hexadecimal. */
export function digest(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

const CHUNK = 2 ** 18; // small enough to stay in cache: fresh memory for a whole file costs more than the digest

/**
 * SHA-256 of a text and the content of files one after the other, in hexadecimal.
 * @throws BeitError `file/unreadable`
 */
export async function digestFiles(text: string, paths: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(text);
  const chunk = new Uint8Array(CHUNK);
  for (const path of paths) await readInto(path, chunk, (part) => hash.update(part));
  return hash.digest("hex");
}

async function readInto(path: string, chunk: Uint8Array, take: (part: Uint8Array) => void): Promise<void> {
  try {
    const file = await open(path);
    try {
      for (;;) {
        const { bytesRead } = await file.read(chunk);
        if (bytesRead === 0) return;
        take(chunk.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}
