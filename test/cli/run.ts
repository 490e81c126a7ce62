import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BeitConfig, parseConfig, serializeConfig, type Task } from "../../src/beit/config.ts";
import { initialValues } from "../../src/beit/init.ts";
import { writeFolder } from "../../src/checkpoint/folder.ts";
import { parameterShapes } from "../../src/evaluate/model.ts";
import { defaultProcessor, serializeImageProcessor } from "../../src/image/processor.ts";
import { encodeJpeg, encodePng } from "../../src/platform/decode.ts";
import { random } from "../../src/tensor/random.ts";

/** The built command line. */
export const main = new URL("../../dist/cli/main.js", import.meta.url).pathname;

/** What a command did. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built command line as a process of its own. */
export function beit(
  args: readonly string[],
  options: { stdin?: Uint8Array | string; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd: options.cwd });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (part: Buffer) => (stdout += part));
    child.stderr.on("data", (part: Buffer) => (stderr += part));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => undefined); // a command that fails early does not read it
    child.stdin.end(options.stdin ?? "");
  });
}

/** Runs it until `ready`, asked every few milliseconds, then sends it a signal. */
export function beitUntil(
  args: readonly string[],
  { cwd, ready, signal }: { cwd: string; ready: () => boolean; signal: NodeJS.Signals },
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (part: Buffer) => (stderr += part));
    const timer = setInterval(() => {
      if (!ready()) return;
      clearInterval(timer); // once: a second Ctrl-C ends the process
      child.kill(signal);
    }, 5);
    child.on("error", reject);
    child.on("close", (code) => {
      clearInterval(timer);
      resolve({ code, stderr });
    });
  });
}

/** A new empty folder. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "beit-cli-"));

/** A small classifier's configuration: 32 px, patch 8, 2 layers of 32 channels. */
export const smallConfig: BeitConfig = parseConfig(
  {
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    intermediate_size: 64,
    image_size: 32,
    patch_size: 8,
    use_relative_position_bias: true,
    id2label: { 0: "dark", 1: "light" },
  },
  "small",
);

/** Writes a small model with random weights, half-precision unless said otherwise. */
export async function writeModel(
  folder: string,
  options: {
    config?: BeitConfig;
    task?: Task;
    dtype?: "float32" | "float16" | "bfloat16";
    card?: string;
    seed?: number;
  } = {},
): Promise<string> {
  const { config = smallConfig, task = "classification", dtype = "float16", card, seed = 7 } = options;
  await writeFolder(folder, {
    config: serializeConfig(config, task),
    processor: serializeImageProcessor(defaultProcessor(config.imageSize)),
    tensors: initialValues(parameterShapes(config, task), { law: "finetune", seed, headScale: 4 }),
    dtype,
    ...(card === undefined ? {} : { card }),
  });
  return folder;
}

/** A picture of noise around a brightness in 0..255. */
export function noisyPixels(
  brightness: number,
  key: string,
  size: readonly [width: number, height: number] = [40, 30],
) {
  const stream = random(1, key);
  const [width, height] = size;
  const data = Uint8Array.from({ length: width * height * 3 }, () =>
    Math.min(255, Math.max(0, Math.round(brightness + 30 * stream.normal()))),
  );
  return { width, height, data };
}

export const jpeg = (brightness: number, key: string): Promise<Uint8Array> =>
  encodeJpeg(noisyPixels(brightness, key), 90);
export const png = (brightness: number, key: string): Promise<Uint8Array> => encodePng(noisyPixels(brightness, key));
