import { describe, expect, it } from "vitest";
import { dropPathRates, relativePositionIndex, relativePositionRows } from "./position.ts";

describe("relativePositionIndex", () => {
  it("numbers pairs by offset and ends with the cls rows", () => {
    // 1 x 2 patches: offsets dx = -1, 0, 1 are rows 0, 1, 2; then cls → patch 3, patch → cls 4, cls → cls 5.
    expect([...relativePositionIndex([1, 2])]).toEqual([5, 3, 3, 4, 1, 0, 4, 2, 1]);
    expect(relativePositionRows([1, 2])).toBe(6);
    expect(relativePositionRows([14, 14])).toBe(732);
  });
});

describe("dropPathRates", () => {
  it("rises from nothing to the rate", () => {
    expect(dropPathRates(0.5, 3)).toEqual([0, 0.25, 0.5]);
    expect(dropPathRates(0.5, 1)).toEqual([0]);
  });
});
