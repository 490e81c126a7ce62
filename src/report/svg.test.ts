import { describe, expect, it } from "vitest";
import { ticks } from "./axis.ts";
import { barChart } from "./bar-chart.ts";
import { heatMap } from "./heat-map.ts";
import { lineChart, smoothed } from "./line-chart.ts";
import { element, escapeMarkup, textWidthPx } from "./svg.ts";

/** Fails on markup whose tags do not nest or that holds a number gone wrong. */
function expectWellFormed(markup: string): void {
  const open: string[] = [];
  for (const [, closing, name, empty] of markup.matchAll(/<(\/?)([a-z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!empty) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(markup).not.toMatch(/NaN|Infinity|undefined|&(?!amp;|lt;|gt;|quot;|#39;)/);
}

describe("ticks", () => {
  it("stand at round values", () => {
    expect(ticks(0.013, 0.97, 5)).toEqual({
      values: [0, 0.2, 0.4, 0.6, 0.8, 1],
      labels: ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"],
      low: 0,
      high: 1,
    });
    expect(ticks(0, 3608, 6, false)).toEqual({
      values: [0, 1000, 2000, 3000],
      labels: ["0", "1,000", "2,000", "3,000"],
      low: 0,
      high: 3608,
    });
    expect(ticks(0, 4e-9, 4).labels).toEqual(["0", "1e-9", "2e-9", "3e-9", "4e-9"]);
    expect(ticks(0, 4e7, 4).labels).toEqual(["0", "1e7", "2e7", "3e7", "4e7"]);
  });

  it("give a flat range some room", () => {
    expect(ticks(0.5, 0.5, 5).values).toEqual([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]);
    expect(ticks(0, 0, 2).values).toEqual([-0.5, 0, 0.5]);
  });
});

describe("element", () => {
  it("escapes attributes and text, rounds numbers, drops the undefined", () => {
    expect(element("text", { x: 1.005, y: -0.001, id: 'a"<b', z: undefined }, escapeMarkup("<&>\u0001'"))).toBe(
      '<text x="1" y="0" id="a&quot;&lt;b">&lt;&amp;&gt;\ufffd&#39;</text>',
    );
    expect(element("path", {})).toBe("<path/>");
  });
});

describe("lineChart", () => {
  it("keeps every name of the legend inside, in further rows where one is too short", () => {
    const named = Array.from({ length: 6 }, (_, i) => ({
      name: `a rather long name ${i}`,
      points: [[0, 0.5]] as const,
    }));
    const svg = lineChart({ title: "t", xLabel: "x", series: named, yRange: [0, 1] });
    const places = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>a rather/g)].map(([, x, y]) => [
      Number(x),
      Number(y),
    ]);
    expect(places).toHaveLength(6);
    for (const [x] of places) expect(x! + textWidthPx("a rather long name 0")).toBeLessThan(520);
    expect(new Set(places.map(([, y]) => y)).size).toBe(3); // two in a row
    const top = Math.min(...[...svg.matchAll(/M[\d.]+ ([\d.]+)H/g)].map(([, y]) => Number(y)));
    expect(top).toBeGreaterThan(Math.max(...places.map(([, y]) => y!)));
  });

  const series = [
    {
      name: "loss <1>",
      points: [
        [0, 1],
        [50, Number.NaN],
        [100, 0.5],
        [150, 0],
      ] as const,
      markers: true,
    },
  ];

  it("puts points where their values are and breaks the line at a hole", () => {
    const svg = lineChart({ title: "Loss & more", xLabel: "step", yLabel: "nats", series });
    expectWellFormed(svg);
    const path = /d="(M[^"]*)" fill="none"/.exec(svg)![1]!;
    const commands = [...path.matchAll(/([ML])([\d.]+) ([\d.]+)/g)].map(([, pen, x, y]) => [pen, Number(x), Number(y)]);
    expect(commands.map(([pen]) => pen)).toEqual(["M", "M", "L"]);
    expect(commands[0]![2]).toBe(62); // y = 1 at the top of the plot
    expect(commands[2]![2]).toBe(270); // y = 0 at its bottom
    expect(commands[2]![1]).toBe(500); // the last x at its right
    expect(commands[1]![2]).toBe((62 + 270) / 2);
    expect(svg.match(/<circle/g)).toHaveLength(3);
  });

  it("is the same every time, and survives no data, one point and very many", () => {
    expect(lineChart({ title: "t", xLabel: "x", series })).toBe(lineChart({ title: "t", xLabel: "x", series }));
    const none = lineChart({ title: "t", xLabel: "x", series: [] });
    expectWellFormed(none);
    expect(none).toContain("no data");
    expectWellFormed(lineChart({ title: "t", xLabel: "x", series: [{ name: "a", points: [[3, 7]] }] }));
    const many = Array.from({ length: 150_000 }, (_, i) => [i, Math.sin(i)] as const);
    expect(lineChart({ title: "t", xLabel: "x", series: [{ name: "a", points: many }] })).not.toContain("NaN");
  });
});

describe("smoothed", () => {
  it("is a bias-corrected moving average", () => {
    expect(
      smoothed(
        [
          [0, 4],
          [1, 8],
          [2, Number.NaN],
          [3, 8],
        ],
        0.5,
      ),
    ).toEqual([
      [0, 4],
      [1, 20 / 3],
      [2, Number.NaN],
      [3, 52 / 7],
    ]);
  });
});

describe("barChart", () => {
  it("draws bars to scale and says where there is none", () => {
    const svg = barChart({
      title: "By source",
      series: ["recall a", "recall b"],
      range: [0.5, 1],
      groups: [
        { label: "x".repeat(50), values: [0.75, null] },
        { label: "y", values: [1, 0.2] },
      ],
    });
    expectWellFormed(svg);
    const widths = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="13"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(3);
    expect(widths[1]! / widths[0]!).toBeCloseTo(2, 2);
    expect(widths[2]).toBe(0); // below the axis
    expect(svg).toContain(">–</text>");
    expect(svg).toContain(`<title>${"x".repeat(50)}</title>`);
  });
});

describe("heatMap", () => {
  it("shows counts, shares and links", () => {
    const svg = heatMap({
      title: "Confusion",
      labels: ["a", "b<c"],
      matrix: [
        [9, 1],
        [0, 0],
      ],
      href: (i, j) => (i !== j ? `#m-${i}-${j}` : undefined),
    });
    expectWellFormed(svg);
    expect(svg).toContain('<a href="#m-0-1"><title>a called b&lt;c: 1 of 10</title>');
    expect(svg).toContain(">90.0 %</text>");
    expect(svg).toContain(">0.0 %</text>"); // an empty row is not divided by
  });

  it.each([6, 30, 80])("fits %i classes", (K) => {
    const labels = Array.from({ length: K }, (_, k) => `class ${k}`);
    const svg = heatMap({ title: "t", labels, matrix: labels.map((_, i) => labels.map((_, j) => (i === j ? 5 : 0))) });
    expectWellFormed(svg);
    expect(svg.includes(">5</text>")).toBe(K <= 20);
  });
});
