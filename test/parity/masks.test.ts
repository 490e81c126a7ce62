import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type BlockMask, blockMask } from "../../src/beit/mask.ts";
import { random } from "../../src/tensor/random.ts";

interface Summary {
  mean: number;
  std: number;
  min: number;
  max: number;
}
interface Golden {
  beit_default: {
    masked_count: { mean: number; histogram: Record<string, number> };
    blocks_per_mask: Summary & { histogram: Record<string, number> };
    block_area_all: Summary;
    block_area_first_block: Summary;
    first_block_area_histogram: Record<string, number>;
    block_height: Summary;
    block_width: Summary;
    mean_log_aspect_h_over_w: number;
    std_log_aspect: number;
    cell_mask_probability: number[][];
  };
  tiny_4x4_6_min2: { count_histogram: Record<string, number> };
}

const path = new URL("../fixtures/golden/masks/stats.json", import.meta.url);
const golden: Golden = JSON.parse(readFileSync(path, "utf8"));
const draws = 10_000;

const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length;
const deviation = (x: readonly number[]) => {
  const centre = mean(x);
  return Math.sqrt(mean(x.map((v) => (v - centre) ** 2)));
};

/** Both sides are samples: five standard errors of their difference. */
function expectMean(sample: readonly number[], expected: number, std: number): void {
  expect(Math.abs(mean(sample) - expected)).toBeLessThan(5 * std * Math.sqrt(2 / sample.length));
}

/** Two-sample chi-square over all values seen, those rarer than ten together. */
function expectSameHistogram(sample: readonly number[], histogram: Record<string, number>): void {
  const ours = new Map<string, number>();
  for (const value of sample) ours.set(String(value), (ours.get(String(value)) ?? 0) + 1);
  const keys = new Set([...ours.keys(), ...Object.keys(histogram)]);
  let [statistic, bins, rareOurs, rareTheirs] = [0, 0, 0, 0];
  const add = (a: number, b: number) => {
    statistic += (a - b) ** 2 / (a + b);
    bins++;
  };
  for (const key of keys) {
    const [a, b] = [ours.get(key) ?? 0, histogram[key] ?? 0];
    if (a + b >= 10) add(a, b);
    else [rareOurs, rareTheirs] = [rareOurs + a, rareTheirs + b];
  }
  if (rareOurs + rareTheirs > 0) add(rareOurs, rareTheirs);
  expect(statistic).toBeLessThan(bins - 1 + 5 * Math.sqrt(2 * (bins - 1)));
}

describe("blockwise masking in BEiT's setting, over ten thousand draws", () => {
  const expected = golden.beit_default;
  const masks: BlockMask[] = [];
  for (let i = 0; i < draws; i++)
    masks.push(blockMask([14, 14], { count: 75, minBlock: 16 }, random(20211006, i, "mask")));
  const blocks = masks.flatMap((mask) => mask.blocks);

  it("masks as many patches", () => {
    const counts = masks.map((mask) => mask.count);
    expectMean(counts, expected.masked_count.mean, 1.1);
    expectSameHistogram(counts, expected.masked_count.histogram);
    expect(Math.max(...counts)).toBe(75);
  });

  it("lays as many blocks", () => {
    const counts = masks.map((mask) => mask.blocks.length);
    expectMean(counts, expected.blocks_per_mask.mean, expected.blocks_per_mask.std);
    expectSameHistogram(counts, expected.blocks_per_mask.histogram);
  });

  it("lays blocks of the same sizes", () => {
    const areas = blocks.map(({ height, width }) => height * width);
    expectMean(areas, expected.block_area_all.mean, expected.block_area_all.std);
    expectMean(
      blocks.map((block) => block.height),
      expected.block_height.mean,
      expected.block_height.std,
    );
    expectMean(
      blocks.map((block) => block.width),
      expected.block_width.mean,
      expected.block_width.std,
    );
    expect(Math.abs(deviation(areas) / expected.block_area_all.std - 1)).toBeLessThan(0.02);
    expect(Math.max(...areas)).toBe(expected.block_area_all.max);
    const aspects = blocks.map(({ height, width }) => Math.log(height / width));
    expectMean(aspects, expected.mean_log_aspect_h_over_w, expected.std_log_aspect);
    expect(Math.abs(deviation(aspects) / expected.std_log_aspect - 1)).toBeLessThan(0.02);
  });

  it("starts with blocks of the same areas", () => {
    const first = masks.map(({ blocks: [block] }) => block!.height * block!.width);
    expectMean(first, expected.block_area_first_block.mean, expected.block_area_first_block.std);
    expectSameHistogram(first, expected.first_block_area_histogram);
  });

  it("masks every cell as often", () => {
    let chi2 = 0;
    for (const [i, probability] of expected.cell_mask_probability.flat().entries()) {
      const ours = masks.reduce((sum, { mask }) => sum + mask[i]!, 0) / draws;
      chi2 += (ours - probability) ** 2 / ((2 * probability * (1 - probability)) / draws);
      expect(Math.abs(ours - probability)).toBeLessThan(5 * Math.sqrt(probability * (1 - probability) * (2 / draws)));
    }
    expect(chi2 / 196).toBeLessThan(2.5); // neighbouring cells are correlated, so its spread is wider than chi-square's
  });
});

it("draws small windows as often short of their count", () => {
  const counts = Array.from(
    { length: draws },
    (_, i) => blockMask([4, 4], { count: 6, minBlock: 2 }, random(5, i)).count,
  );
  expectSameHistogram(counts, golden.tiny_4x4_6_min2.count_histogram);
});
