import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { geometricPositions } from "../../src/beit/interpolation.ts";
import { relativePositionIndex } from "../../src/beit/position.ts";
import { resizePositions, resizeTable } from "../../src/beit/resize-tables.ts";
import { parseSafetensors } from "../../src/checkpoint/safetensors.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

const file = (name: string) => readFileSync(new URL(`../fixtures/golden/interp_tables/${name}`, import.meta.url));
const { tensors } = parseSafetensors(file("expected.safetensors"), "expected.safetensors");
const meta = JSON.parse(file("meta.json").toString());
const golden = (name: string) => tensors.get(name) as Tensor<"float32">;

function expectNear(actual: Tensor<"float32">, expected: Tensor<"float32">): void {
  expect(actual.shape).toEqual(expected.shape);
  const worst = actual.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0);
  expect(worst).toBeLessThan(2e-6); // golden values are torch's in float32, up to 1.4e-6 from its own float64 run
}

describe.each([
  [4, 6],
  [4, 3],
  [14, 24],
])("relative tables from window %d to %d", (source, target) => {
  const key = `w${source}_to_${target}`;
  it.each([
    ["hf-bilinear", "hf_bilinear"],
    ["unilm-cubic", "unilm_cubic_geometric"],
    ["timm-bilinear", "timm_bilinear_geometric"],
    ["timm-bicubic", "timm_simple_bicubic"],
  ] as const)("%s", (scheme, name) => {
    const resized = resizeTable(golden(`${key}.src`), scheme, [source, source], [target, target]);
    expectNear(resized, golden(`${key}.${name}`));
  });

  it("lays the source cells where unilm does", () => {
    const positions = geometricPositions(2 * source - 1, 2 * target - 1);
    const expected: number[] = meta[key].source_positions;
    expect(positions.length).toBe(expected.length);
    for (const [i, position] of positions.entries()) expect(position).toBeCloseTo(expected[i]!, 10);
  });
});

describe("absolute positions", () => {
  it.each([3, 6])("bicubic from window 4 to %d", (target) => {
    const resized = resizePositions(golden(`abs_w4_to_${target}.src`), "absolute-bicubic", [4, 4], [target, target]);
    expectNear(resized, golden(`abs_w4_to_${target}.bicubic`));
  });
});

describe("relative position index", () => {
  it.each([
    [2, 2],
    [3, 2],
    [4, 6],
  ])("%d x %d", (height, width) => {
    const expected = tensors.get(`relative_position_index.${height}x${width}`)!;
    expect([...relativePositionIndex([height, width])]).toEqual(Array.from(expected.data, Number));
  });

  it("14 x 14, by its hash", () => {
    const index = BigInt64Array.from(relativePositionIndex([14, 14]), BigInt);
    const hash = createHash("sha256").update(Buffer.from(index.buffer)).digest("hex");
    expect(hash).toBe(meta.relative_position_index_sha_14x14);
  });
});
