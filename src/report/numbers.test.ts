import { expect, it } from "vitest";
import { countText, decimalText, durationText, percentText, siText } from "./numbers.ts";

it("writes figures as people read them", () => {
  expect([0, 999, 1000, 1234567].map(countText)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect([0.97497, 0, null, undefined].map((value) => decimalText(value))).toEqual(["0.9750", "0.0000", "–", "–"]);
  expect([0.975, null].map((value) => percentText(value))).toEqual(["97.5 %", "–"]);
  expect([0, 999, 999.6, 8.448e14, 105.6e9, 0.5].map((value) => siText(value, "FLOP"))).toEqual([
    "0 FLOP",
    "999 FLOP",
    "1 kFLOP",
    "845 TFLOP",
    "106 GFLOP",
    "0.5 FLOP",
  ]);
  expect([0.25, 58.31, 59.96, 193.03, 3599.6, 7500].map(durationText)).toEqual([
    "0.25 s",
    "58.3 s",
    "1 min 00 s",
    "3 min 13 s",
    "1 h 00 min",
    "2 h 05 min",
  ]);
});
