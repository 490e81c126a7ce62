import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "../../src/platform/decode.ts";
import { type Random, random } from "../../src/tensor/random.ts";

/** A temporary folder of its own. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "beit-test-"));

/**
 * Writes a data set that is easy to learn: noisy pictures with stripes across or along.
 * @returns its root, with train and validation splits
 */
export async function writeShapes(perClass: { train: number; validation: number }): Promise<string> {
  const root = temporaryFolder();
  for (const [split, count] of Object.entries(perClass)) {
    for (const label of ["across", "along"] as const) {
      const folder = join(root, split, label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        writeFileSync(join(folder, `${i}.png`), await encodePng(picture(label, random(7, split, label, i))));
      }
    }
  }
  return root;
}

function picture(label: "across" | "along", stream: Random) {
  const [width, height] = [32, 32];
  const [period, phase] = [3 + stream.integer(3), stream.integer(6)];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bright = Math.floor(((label === "across" ? y : x) + phase) / period) % 2 === 0;
      const at = (y * width + x) * 3;
      data.fill((bright ? 150 : 60) + stream.integer(50), at, at + 3);
    }
  }
  return { width, height, data };
}
