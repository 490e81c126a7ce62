import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "../../src/platform/decode.ts";
import { type Random, random } from "../../src/tensor/random.ts";

/** A temporary folder of its own. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "beit-test-"));

/**
 * Writes a data set that is easy to learn: noisy pictures, reddish or bluish.
 * @returns its root, with train and validation splits
 */
export async function writeShapes(perClass: { train: number; validation: number }): Promise<string> {
  const root = temporaryFolder();
  for (const [split, count] of Object.entries(perClass)) {
    for (const label of ["cold", "warm"] as const) {
      const folder = join(root, split, label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        writeFileSync(join(folder, `${i}.png`), await encodePng(picture(label, random(7, split, label, i))));
      }
    }
  }
  return root;
}

function picture(label: "cold" | "warm", stream: Random) {
  const [width, height] = [32, 32];
  const tint = label === "warm" ? [40, 0, 0] : [0, 0, 40];
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => 60 + stream.integer(100) + tint[i % 3]!);
  return { width, height, data };
}
