import { describe, expect, it } from "vitest";

// The benchmark is plain JavaScript outside the compiled sources.
const { median, pairedRatios, roundOrder, summary, verdict } = await import(
  new URL("../../bench/statistics.mjs", import.meta.url).href
);
const { busyWarning, renderRows } = await import(new URL("../../bench/report.mjs", import.meta.url).href);

describe("statistics of a comparison", () => {
  it("takes the middle, or the mean of the two middle ones", () => {
    expect(median([10, 9, 2])).toBe(9); // as numbers, not as text
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
    expect(summary([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
  });

  it("compares neighbours in time: a machine that halves its speed for a round changes no quotient", () => {
    expect(pairedRatios([10, 5, 10], [20, 10, 20])).toEqual([0.5, 0.5, 0.5]);
  });

  it("goes one way and back again", () => {
    expect([0, 1, 2].map((round) => roundOrder(3, round))).toEqual([
      [0, 1, 2],
      [2, 1, 0],
      [0, 1, 2],
    ]);
  });

  it("judges the median against the floor, and nothing without one", () => {
    expect(verdict({ ratio: { median: 0.75 }, floor: 0.75 })).toBe(true);
    expect(verdict({ ratio: { median: 0.7499 }, floor: 0.75 })).toBe(false);
    expect(verdict({ ratio: { median: 0.1 } })).toBeUndefined();
  });
});

describe("report of a comparison", () => {
  const row = {
    what: "tiny: forward + backward",
    layout: "2 x 1",
    rate: { median: 203.4, low: 190, high: 210 },
    unit: "GFLOP/s",
    against: "ceiling",
    ratio: { median: 0.62, low: 0.6, high: 0.7 },
    floor: 0.65,
    cores: 1.96,
  };

  it("shows rate, ratio, spread, floor and verdict; notes below", () => {
    expect(renderRows([row, { what: "PyTorch left out", note: "not installed" }])).toBe(
      [
        "measured                  sessions x threads  rate  unit     ratio  lowest – highest  of       floor",
        "tiny: forward + backward  2 x 1                203  GFLOP/s   0.62  0.60 – 0.70       ceiling   0.65  BELOW",
        "PyTorch left out",
        "  PyTorch left out: not installed",
      ].join("\n"),
    );
  });

  it("warns when a measurement had to share its cores", () => {
    expect(busyWarning([row])).toBeUndefined();
    expect(busyWarning([row, { ...row, cores: 1 }])).toContain("only 50 % of its cores");
  });
});
