import { expect, it } from "vitest";
import { roundHalfEven } from "./round.ts";

it("rounds to the nearest, halves to the even neighbour", () => {
  expect([0.5, 1.5, 2.5, 2.4999, 2.5001, 3, -0.5, -1.5, -2.6].map(roundHalfEven)).toEqual([
    0, 2, 2, 2, 3, 3, 0, -2, -3,
  ]);
});
