#!/usr/bin/env node
import { BeitError } from "../platform/errors.ts";
import { createProgram } from "./program.ts";

/** The one place that ends the process: 0 ok, 1 failed, 2 misuse, 3 threshold not met, 130 interrupted after saving. */
async function main(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    if (!(error instanceof BeitError)) throw error;
    process.stderr.write(`beit: ${error.message}\n`);
    process.exitCode = error.code.startsWith("usage/") ? 2 : 1;
  }
}

await main();
