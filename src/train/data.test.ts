import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openTrainingData } from "./data.ts";
import { parseRecipe } from "./recipe.ts";

const root = mkdtempSync(join(tmpdir(), "beit-data-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
for (const [label, count] of [
  ["cat", 200],
  ["dog", 50],
] as const) {
  mkdirSync(join(root, "train", label), { recursive: true });
  mkdirSync(join(root, "validation", label), { recursive: true });
  for (let i = 0; i < count; i++) writeFileSync(join(root, "train", label, `${i}.jpg`), "");
  writeFileSync(join(root, "validation", label, "0.jpg"), "");
}

const opened = (labelFraction: number, seed = 1) =>
  openTrainingData(root, parseRecipe({ labelFraction, seed }, {}, "test"));
const count = (samples: readonly { label: number }[], label: number) => samples.filter((s) => s.label === label).length;

describe("labelFraction", () => {
  it("keeps so much of every class, and all of the validation pictures", async () => {
    const { samples, validation, epochLength } = await opened(0.1);
    expect([count(samples, 0), count(samples, 1), validation.length]).toEqual([20, 5, 2]);
    expect(epochLength).toBe(25);
  });

  it("keeps other pictures under another seed, the same under the same, and tells them apart", async () => {
    const [a, again, b] = await Promise.all([opened(0.1), opened(0.1), opened(0.1, 2)]);
    const ids = ({ samples }: typeof a) => samples.map(({ id }) => id);
    expect(ids(again)).toEqual(ids(a));
    expect(ids(b)).not.toEqual(ids(a));
    expect(b.fingerprint).not.toBe(a.fingerprint);
  });

  it("keeps every class however small it is", async () => {
    const { samples } = await opened(0.001);
    expect([count(samples, 0), count(samples, 1)].every((n) => n >= 1)).toBe(true);
  });
});
