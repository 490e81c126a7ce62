import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BeitError } from "./errors.ts";
import { fileReason, makeFolder } from "./files.ts";

/** Rows of float32 on disk, for as long as it is open: more than memory holds, read in any order. */
export interface RowFile {
  /** @throws BeitError `file/unwritable` */
  write(row: number, values: Float32Array): Promise<void>;
  /** Fills `values` with a row that was written. @throws BeitError `file/unreadable` */
  read(row: number, values: Float32Array): Promise<void>;
  /** The file goes with it. */
  close(): Promise<void>;
}

/**
 * Creates a file of rows, in the place of one that an earlier process left.
 * @throws BeitError `file/unwritable`
 */
export async function createRowFile(path: string, rowLength: number): Promise<RowFile> {
  const unwritable = (error: unknown) =>
    new BeitError("file/unwritable", `${path}: cannot be written: ${fileReason(error)}`, { cause: error });
  let file: FileHandle;
  try {
    await makeFolder(dirname(path));
    file = await open(path, "w+");
  } catch (error) {
    throw unwritable(error);
  }
  const bytes = 4 * rowLength;
  const view = ({ buffer, byteOffset }: Float32Array) => new Uint8Array(buffer, byteOffset, bytes);
  return {
    async write(row, values) {
      try {
        for (let at = 0; at < bytes; )
          at += (await file.write(view(values), at, bytes - at, row * bytes + at)).bytesWritten;
      } catch (error) {
        throw unwritable(error);
      }
    },
    async read(row, values) {
      try {
        for (let at = 0; at < bytes; ) {
          const { bytesRead } = await file.read(view(values), at, bytes - at, row * bytes + at);
          if (bytesRead === 0) throw new Error("it became shorter while it was in use");
          at += bytesRead;
        }
      } catch (error) {
        throw new BeitError("file/unreadable", `${path}: cannot be read: ${fileReason(error)}`, { cause: error });
      }
    },
    async close() {
      try {
        await file.close();
      } catch (error) {
        throw unwritable(error);
      } finally {
        await rm(path, { force: true });
      }
    },
  };
}
