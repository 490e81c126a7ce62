#!/usr/bin/env node
import type { CommanderError } from "commander";
import { BeitError } from "../platform/errors.ts";
import { cacheCompiledCode } from "../platform/package.ts";
import { visibleLines } from "../platform/visible.ts";

/** What went wrong in words; a stack trace only on demand, since it helps nobody but who mends this program. */
function report(error: unknown): void {
  if (error instanceof Error && error.name === "CommanderError") {
    process.exitCode = (error as CommanderError).exitCode === 0 ? 0 : 2; // help and version also end here; commander has printed its words
    return;
  }
  if (error instanceof BeitError) {
    process.stderr.write(`beit: ${visibleLines(error.message)}\n`);
    process.exitCode = error.code.startsWith("usage/") ? 2 : 1;
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = "This is a fault of beit: please report it, with the stack trace that BEIT_DEBUG=1 adds.";
  process.stderr.write(`beit: unexpected error: ${message}\n${hint}\n`);
  if (process.env.BEIT_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}

/** The one place that ends the process: 0 ok, 1 failed, 2 misuse, 3 threshold not met, 130 interrupted after saving. */
async function main(): Promise<void> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0); // whoever reads has seen enough, as `head` does
    report(error);
    process.exit();
  });
  process.stderr.on("error", () => undefined); // nobody reads the talk any more: no reason to lose a run
  cacheCompiledCode();
  const { createProgram } = await import("./program.ts"); // only now, so that it is cached
  const finished = (code: number) => {
    process.exitCode = code;
  };
  await createProgram(finished).parseAsync().catch(report);
}

await main();
