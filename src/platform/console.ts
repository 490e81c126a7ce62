import { once } from "node:events";
import { openFileAtomic } from "./files.ts";
import { visibleLines } from "./visible.ts";

/** Where a command's data goes: written piece by piece, kept by `commit`, dropped by `discard`. */
export interface Output {
  write(text: string): Promise<void>;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** Standard output (which takes every piece at once), or a file that appears whole on `commit` or not at all. */
export async function openOutput(path?: string): Promise<Output> {
  return path === undefined ? standardOutput : openFileAtomic(path);
}

const standardOutput: Output = {
  async write(text) {
    if (!process.stdout.write(text)) await once(process.stdout, "drain");
  },
  commit: () => Promise.resolve(),
  discard: () => Promise.resolve(),
};

/** All of standard input. */
export async function readStandardInput(): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** Whether text for people may be coloured: on a terminal without NO_COLOR (no-color.org), or anywhere with FORCE_COLOR. */
export function wantsColor(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  return Boolean(FORCE_COLOR && FORCE_COLOR !== "0") || (process.stdout.isTTY === true && TERM !== "dumb");
}

/** Runs `task` with a signal that Ctrl-C and SIGTERM abort, instead of ending the process. */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once("SIGINT", stop); // once: a second Ctrl-C ends the process
  process.once("SIGTERM", stop);
  try {
    return await task(controller.signal);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Talk on standard error; names of files and labels in it cannot move the cursor. */
export function say(text: string): void {
  process.stderr.write(`${visibleLines(text)}\n`);
}

/** One line of standard error that is written over, on a terminal only; an empty text clears it. */
export function sayOver(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}\u001b[K`);
}
