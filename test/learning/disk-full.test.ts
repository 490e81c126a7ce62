import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { temporaryFolder, writeShapes } from "./shapes.ts";

const cli = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const folder = temporaryFolder();
const disk = join(folder, "disk");
let shapes: string;

/** A file system of 8 MB, where this user may mount one. */
function mountSmallDisk(): boolean {
  mkdirSync(disk);
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status === 0;
}
const mounted = mountSmallDisk();

beforeAll(async () => {
  shapes = await writeShapes({ train: 8, validation: 2 });
});
afterAll(() => {
  if (mounted) execFileSync("umount", [disk]);
  rmSync(folder, { recursive: true, force: true });
  rmSync(shapes, { recursive: true, force: true });
});

it.skipIf(!mounted)("a full disk stops a run with its reason, and leaves nothing half-written", () => {
  const recipe = join(folder, "recipe.json");
  writeFileSync(recipe, JSON.stringify({ imageSize: 32, epochs: 1, batchSize: 8, augment: {} }));
  const { status, stderr } = spawnSync(
    process.execPath,
    [cli, "train", shapes, "-o", join(disk, "run"), "-r", recipe],
    {
      encoding: "utf8",
    },
  );
  expect(stderr).toMatch(/cannot be written: no space left on the device/);
  expect(status).toBe(1);
  const left = readdirSync(disk, { recursive: true }).filter((name) => /\.(tmp|safetensors)$/.test(String(name)));
  expect(left).toEqual([]);
});
