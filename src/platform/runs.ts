import { randomBytes } from "node:crypto";
import {
  constants,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { BeitError } from "./errors.ts";
import { fileReason, makeFolder } from "./files.ts";

/**
 * Fills a folder under a temporary name and renames it, so that it is there complete or not at all.
 * @throws what `fill` throws, and BeitError `file/unwritable`; nothing is left behind.
 */
export async function writeFolderAtomic(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  const before = `${temporary}.before`;
  try {
    await makeFolder(temporary);
    await fill(temporary);
    await rename(path, before).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
    await rename(temporary, path);
    await rm(before, { recursive: true, force: true });
  } catch (error) {
    await rename(before, path).catch(() => undefined);
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    if (error instanceof BeitError) throw error;
    throw new BeitError("file/unwritable", `${path}: cannot be written: ${fileReason(error)}`, { cause: error });
  }
}

/** Removes a file or a folder with all it holds; it may be absent. */
export const removePath = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** Names in a folder; none where it does not exist. */
export async function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new BeitError("file/unreadable", `${path}: cannot be read: ${fileReason(error)}`, { cause: error });
  });
}

const LOCK = ".lock";
const held = new Set<string>(); // locks of this process: one with its number that is not here is of another, long gone

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Takes a folder for this process as {@link lockFile} takes a name. */
export const lockFolder = (path: string): Promise<() => Promise<void>> => lockFile(join(path, LOCK), path);

/** Removes a folder and those it lies in, up to `top`, as far as they are empty. */
async function removeEmpty(path: string, top: string): Promise<void> {
  const gone = await rmdir(path).then(
    () => true,
    () => false,
  );
  if (gone && path !== top) await removeEmpty(dirname(path), top);
}

/** Gives a whole file a second name, which must be free: whoever reads it finds a number in it. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") throw error;
      await copyFile(from, to, constants.COPYFILE_EXCL); // a file system without links
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** The number in a lock, 0 for one without; undefined when there is none. */
async function holderOf(lock: string): Promise<number | undefined> {
  try {
    return Number(await readFile(lock, "utf8")) || 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

const PATIENCE = 10_000; // ms after which whoever was removing a lock is gone too

/** Removes a lock that a process left, unless another process has done so by now: one at a time looks and removes. */
async function removeStale(lock: string, pid: number): Promise<void> {
  const turn = `${lock}.turn`;
  try {
    await mkdir(turn);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const since = await stat(turn).catch(() => undefined);
    if (since && Date.now() - since.mtimeMs > PATIENCE) await rmdir(turn).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return;
  }
  try {
    if ((await holderOf(lock)) === pid) await rm(lock, { force: true });
  } finally {
    await rmdir(turn);
  }
}

/**
 * Takes what a name stands for, by a file, for this process until the returned function is called. A lock left by a
 * process that is gone is taken over, also when its number is this process's now, as it always is in a container. Folders made
 * for it go with it when nothing was put into them.
 * @param lock the file
 * @param path what it stands for
 * @throws BeitError `run/locked` when another running process holds it, `file/unwritable` when it cannot be made.
 */
export async function lockFile(lock: string, path: string): Promise<() => Promise<void>> {
  const unwritable = (error: unknown) =>
    new BeitError("file/unwritable", `${path}: cannot be written: ${fileReason(error)}`, { cause: error });
  const made = await makeFolder(dirname(lock)).catch((error: unknown) => {
    throw unwritable(error);
  });
  const own = `${lock}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeFile(own, `${process.pid}\n`);
    while (!(await linked(own, lock))) {
      const pid = await holderOf(lock);
      if (pid === undefined) continue; // given back just now
      if (pid === process.pid ? held.has(lock) : pid > 0 && isRunning(pid)) {
        const hint = "wait for it, stop it, or choose another place with -o";
        throw new BeitError("run/locked", `${path}: another run (process ${pid}) is writing here; ${hint}`);
      }
      await removeStale(lock, pid);
    }
  } catch (error) {
    await rm(own, { force: true });
    if (made) await removeEmpty(dirname(lock), made);
    throw error instanceof BeitError ? error : unwritable(error);
  } finally {
    await rm(own, { force: true });
  }
  held.add(lock);
  return async () => {
    held.delete(lock);
    await rm(lock, { force: true });
    if (made) await removeEmpty(dirname(lock), made);
  };
}
