import { once } from "node:events";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BeitError } from "./errors.ts";
import { fileReason, makeFolder } from "./files.ts";

/** A file of lines that an interrupted process leaves and a later one continues. */
export interface Journal {
  /** Whether nothing at all was in it when it was opened. */
  readonly fresh: boolean;
  /** Its complete lines from the first on, without their ends. @throws BeitError `file/unreadable` */
  lines(): AsyncGenerator<string, void, void>;
  /** Adds a line; it reaches the file soon, and at the latest with `flush` or `close`. */
  append(line: string): Promise<void>;
  flush(): Promise<void>;
  /** Leaves the file where it is. */
  close(): Promise<void>;
  remove(): Promise<void>;
}

const FLUSH_MS = 200; // what an abrupt end may lose
const NEWLINE = 10;

/**
 * Opens a journal, or starts one; missing folders are made. A last line without an end, as a killed process may leave it,
 * does not count, and is cut off when something is added.
 * @param name the file's name for messages about writing
 * @throws BeitError `file/unwritable`, here and from writing
 */
export async function openJournal(path: string, name = path): Promise<Journal> {
  const guarded = async <T>(step: () => Promise<T>): Promise<T> => {
    try {
      return await step();
    } catch (error) {
      throw new BeitError("file/unwritable", `${name}: cannot be written: ${fileReason(error)}`, { cause: error });
    }
  };
  const { file, size } = await guarded(async () => {
    await makeFolder(dirname(path));
    const file = await open(path, "a+");
    return { file, size: (await file.stat()).size };
  });
  let waiting = "";
  let torn = size > 0;
  let flushed = performance.now();
  const flush = () =>
    guarded(async () => {
      const text = waiting;
      waiting = "";
      flushed = performance.now();
      if (text === "") return;
      if (torn) await cutTornLine(file);
      torn = false;
      await file.appendFile(text);
    });
  return {
    fresh: size === 0,
    lines: () => linesOf(path),
    async append(line) {
      waiting += `${line}\n`;
      if (performance.now() - flushed > FLUSH_MS) await flush();
    },
    flush,
    async close() {
      await flush();
      await file.close();
    },
    async remove() {
      await file.close();
      await rm(path, { force: true });
    },
  };
}

async function cutTornLine(file: FileHandle): Promise<void> {
  const chunk = Buffer.alloc(65536);
  const { size } = await file.stat();
  let whole = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunk.length);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    const last = chunk.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    whole = start + last + 1;
    end = last >= 0 ? 0 : start;
  }
  if (whole < size) await file.truncate(whole);
}

async function* linesOf(path: string): AsyncGenerator<string, void, void> {
  const stream = createReadStream(path, "utf8");
  let rest = "";
  try {
    for await (const part of stream) {
      const lines = (rest + (part as string)).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
  } catch (error) {
    throw new BeitError("file/unreadable", `${path}: cannot be read: ${fileReason(error)}`, { cause: error });
  } finally {
    stream.destroy();
    if (!stream.closed) await once(stream, "close");
  }
}
