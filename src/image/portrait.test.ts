import { expect, test } from "vitest";
import type { Pixels } from "../tensor/pixels.ts";
import { random } from "../tensor/random.ts";
import { portrait } from "./portrait.ts";

const face = {
  leftEye: [0.3, 0.38],
  rightEye: [0.7, 0.38],
  noseTip: [0.5, 0.62],
  mouth: [0.5, 0.78],
  chin: [0.5, 0.95],
  leftCheek: [0.15, 0.62],
  rightCheek: [0.85, 0.62],
  spread: 0.02,
} as const;

/** A picture whose pixels tell their place: red by column, green by row, and no other colour so saturated. */
function chart(width: number, height: number): Pixels {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) data.set([255 * (x / width), 255 * (y / height), 255], i);
  }
  return { width, height, data };
}

/** Share of the columns and of the rows of the picture found again, by their colour of blue 255. */
function found({ data }: Pixels): { red: number[]; green: number[] } {
  const [red, green]: [number[], number[]] = [[], []];
  for (let i = 0; i < data.length; i += 3) {
    if (data[i + 2]! >= 250) {
      red.push(data[i]!);
      green.push(data[i + 1]!);
    }
  }
  return { red, green };
}

test("the face stays in view, smaller, without the corners of its picture", () => {
  const ground = { width: 1, height: 1, data: new Uint8Array(3) };
  let cut = 0;
  for (let seed = 0; seed < 40; seed++) {
    const out = portrait(chart(90, 90), face, random(seed), { maxScale: 3, grounds: [ground] });
    expect(out.data.length).toBe(out.width * out.height * 3);
    expect(out.width).toBeLessThanOrEqual(256);
    const { red, green } = found(out);
    expect(Math.min(...red)).toBeLessThan(75); // left cheek: 0.15 of 255, less the soft edge
    expect(Math.max(...red)).toBeGreaterThan(180);
    expect(Math.max(...green)).toBeGreaterThan(200); // down to the mouth at least
    const corners = red.filter((r, i) => (r < 20 || r > 235) && (green[i]! < 20 || green[i]! > 235));
    if (corners.length === 0) cut++;
  }
  expect(cut).toBeGreaterThan(35); // clothes may be as blue
});

test("clothes fill the lower edge below the face", () => {
  const black = { width: 1, height: 1, data: new Uint8Array(3) };
  let [grounds, clothed] = [0, 0];
  for (let seed = 0; seed < 60; seed++) {
    const out = portrait(chart(80, 80), face, random(seed), { maxScale: 3, grounds: [black] });
    const brightness = (x: number, y: number) => {
      const at = (y * out.width + x) * 3;
      return out.data[at]! + out.data[at + 1]! + out.data[at + 2]!;
    };
    if (brightness(0, 0) > 0) continue; // another ground was made up
    grounds++;
    if (brightness(Math.round(out.width / 2), out.height - 1) > 20) clothed++;
  }
  expect(grounds).toBeGreaterThan(30);
  expect(clothed / grounds).toBeGreaterThan(0.9); // a shoulder may be out of the middle
});

test("the same stream gives the same picture, and the smallest pictures are safe", () => {
  const once = () => portrait(chart(33, 47), face, random(4, "portrait"), { maxScale: 3 });
  expect(once()).toEqual(once());
  for (const [width, height] of [
    [1, 1],
    [1, 30],
    [3, 2],
  ] as const) {
    for (let seed = 0; seed < 20; seed++) {
      const out = portrait(chart(width, height), face, random(seed), { maxScale: 8 });
      expect(out.data.length).toBe(out.width * out.height * 3);
    }
  }
});
