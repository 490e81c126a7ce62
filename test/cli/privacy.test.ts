import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { main } from "./run.ts";

/** Runs a command with a home and a folder of temporary files of its own; what it left in them. */
async function traces(args: readonly string[]): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), "beit-home-"));
  const { PATH } = process.env; // and nothing that tells onnxruntime of a test or of continuous integration
  const env = { PATH, HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, ".cache"), NODE_DISABLE_COMPILE_CACHE: "1" };
  const code = await new Promise((resolve, reject) => {
    spawn(process.execPath, [main, ...args], { env, stdio: "ignore" })
      .on("error", reject)
      .on("close", resolve);
  });
  expect(code).toBe(0);
  return readdir(home, { recursive: true });
}

// onnxruntime 1.30 keeps a device id and a database of events to send where it is not told otherwise.
it("predicting one picture, in the main thread, leaves no device id, no log and no events to send", async () => {
  expect(await traces(["predict", "examples/portrait.jpg"])).toEqual([]);
}, 60_000);

it("nor does predicting in worker threads, one of which loads onnxruntime", async () => {
  expect(await traces(["predict", "examples", "--workers", "2"])).toEqual([]);
}, 60_000);
