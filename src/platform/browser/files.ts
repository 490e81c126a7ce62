import { BeitError } from "../errors.ts";
import { sha256 } from "./sha256.ts";

// The files of a browser are what URLs give. Nothing can be written.

/** Whole content of a URL. @throws BeitError `file/unreadable` naming the URL and the reason. */
export async function readFile(url: string): Promise<Uint8Array> {
  const unreadable = (reason: string, cause?: unknown) =>
    new BeitError("file/unreadable", `${url}: cannot be read: ${reason}`, { cause });
  const response = await fetch(url).catch((error: Error) => {
    throw unreadable(error.message, error);
  });
  if (!response.ok) throw unreadable(`the server answers ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Whole content of a UTF-8 text file. @throws BeitError `file/unreadable`. */
export async function readText(url: string): Promise<string> {
  return new TextDecoder().decode(await readFile(url));
}

/** Parsed JSON of a file. @throws BeitError `file/unreadable` or `file/not-json`. */
export async function readJson(url: string): Promise<unknown> {
  const text = await readText(url);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BeitError("file/not-json", `${url}: is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws BeitError `file/unwritable` always */
export async function writeFileAtomic(path: string, _: string | Uint8Array | Iterable<Uint8Array>): Promise<void> {
  throw new BeitError("file/unwritable", `${path}: cannot be written: a browser has no files`);
}

/** SHA-256 of a text, or of parts one after the other, in hexadecimal. */
export function digest(...parts: readonly (string | Uint8Array)[]): string {
  return sha256(parts.map((part) => (typeof part === "string" ? new TextEncoder().encode(part) : part)));
}

/** SHA-256 of a text and the content of files one after the other, in hexadecimal. @throws BeitError `file/unreadable` */
export const digestFiles = async (text: string, urls: readonly string[]): Promise<string> =>
  digest(text, ...(await Promise.all(urls.map(readFile))));
