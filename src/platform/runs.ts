import { randomBytes } from "node:crypto";
import { open, readdir, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BeitError } from "./errors.ts";
import { fileReason, makeFolder } from "./files.ts";

/**
 * Fills a folder under a temporary name and renames it, so that it is there complete or not at all.
 * @throws what `fill` throws, and BeitError `file/unwritable`; nothing is left behind.
 */
export async function writeFolderAtomic(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await makeFolder(temporary);
    await fill(temporary);
    await rm(path, { recursive: true, force: true });
    await rename(temporary, path);
  } catch (error) {
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
  for (let attempt = 0; ; attempt++) {
    try {
      const file = await open(lock, "wx");
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      held.add(lock);
      return async () => {
        held.delete(lock);
        await rm(lock, { force: true });
        if (made) await removeEmpty(dirname(lock), made);
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 1) throw unwritable(error);
      const pid = Number(await readFile(lock, "utf8").catch(() => "0"));
      if (pid === process.pid ? held.has(lock) : pid > 0 && isRunning(pid)) {
        const hint = "wait for it, stop it, or choose another place with -o";
        throw new BeitError("run/locked", `${path}: another run (process ${pid}) is writing here; ${hint}`);
      }
      await rm(lock, { force: true });
    }
  }
}
