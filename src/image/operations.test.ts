import { describe, expect, it } from "vitest";
import { noisePicture, pillowCases, sha256 } from "../../test/fixtures/pillow/pictures.ts";
import { random } from "../tensor/random.ts";
import { gaussianBlur, lowResolution } from "./blur.ts";
import { adjustBrightness, adjustContrast, adjustSaturation, colorJitter, gamma, grayscale } from "./colour.ts";
import { jpegArtifacts } from "./jpeg.ts";
import { noise, randomErasing, STANDARD_ERASING } from "./noise.ts";

const operations = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  gamma,
  grayscale,
  gaussianBlur,
  jpegArtifacts,
};

interface Case {
  seed: number;
  source: [number, number];
  operation: keyof typeof operations;
  value: number;
  sha256: string;
}

describe("operations on pixels", () => {
  it.each(pillowCases<Case>("operations"))(
    "is Pillow's: $operation $value on $source",
    ({ seed, source, operation, value, sha256: expected }) => {
      const picture = noisePicture(seed, ...source);
      const before = picture.data.slice();
      expect(sha256(operations[operation](picture, value).data)).toBe(expected);
      expect(picture.data).toEqual(before); // the argument is left alone
    },
  );
});

describe("colorJitter", () => {
  const picture = noisePicture(5, 16, 12);

  it("does nothing with zero strengths", () => {
    expect(colorJitter(picture, { brightness: 0, contrast: 0, saturation: 0 }, random(1))).toBe(picture);
  });

  it("stays within its factors: brightness alone", () => {
    const grey = { width: 1, height: 1, data: Uint8Array.of(100, 100, 100) };
    const seen = Array.from(
      { length: 300 },
      (_, i) => colorJitter(grey, { brightness: 0.4, contrast: 0, saturation: 0 }, random(i)).data[0]!,
    );
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(60);
    expect(Math.min(...seen)).toBeLessThan(63);
    expect(Math.max(...seen)).toBeLessThanOrEqual(140);
    expect(Math.max(...seen)).toBeGreaterThan(137);
  });

  it("draws the order too", () => {
    const options = { brightness: 0.9, contrast: 0.9, saturation: 0.9 };
    expect(colorJitter(picture, options, random(1)).data).not.toEqual(colorJitter(picture, options, random(2)).data);
    expect(colorJitter(picture, options, random(1))).toEqual(colorJitter(picture, options, random(1)));
  });
});

describe("lowResolution", () => {
  it("keeps the size and the mean, loses the detail", () => {
    const checks = {
      width: 8,
      height: 8,
      data: Uint8Array.from({ length: 192 }, (_, i) => ((Math.floor(i / 3) + Math.floor(i / 24)) % 2) * 200),
    };
    const out = lowResolution(checks, 2);
    expect([out.width, out.height]).toEqual([8, 8]);
    expect(new Set(out.data)).toEqual(new Set([100]));
  });

  it("survives a factor beyond the picture", () => {
    expect(new Set(lowResolution(noisePicture(1, 4, 3), 1000).data).size).toBeLessThanOrEqual(3);
  });
});

describe("noise", () => {
  const grey = { width: 200, height: 100, data: new Uint8Array(60_000).fill(128) };

  it("has the mean and deviation asked for, and no neighbours alike", () => {
    const added = Array.from(noise(grey, 10, random(4)).data, (value) => value - 128);
    const mean = added.reduce((a, b) => a + b) / added.length;
    const deviation = Math.sqrt(added.reduce((a, b) => a + (b - mean) ** 2, 0) / added.length);
    const neighbours = added.slice(1).reduce((a, b, i) => a + b * added[i]!, 0) / added.length / 100;
    expect(Math.abs(mean)).toBeLessThan(0.2);
    expect(Math.abs(deviation - 10)).toBeLessThan(0.2);
    expect(Math.abs(neighbours)).toBeLessThan(0.02);
  });

  it("is a function of the stream, and clips", () => {
    expect(noise(grey, 5, random(1))).toEqual(noise(grey, 5, random(1)));
    expect(noise(grey, 5, random(1)).data).not.toEqual(noise(grey, 5, random(2)).data);
    const black = { width: 10, height: 10, data: new Uint8Array(300) };
    expect(Math.max(...noise(black, 10, random(1)).data)).toBeLessThan(60);
  });
});

describe("randomErasing", () => {
  it("overwrites one rectangle of every channel, of the area asked for", () => {
    let total = 0;
    for (let i = 0; i < 200; i++) {
      const data = new Float32Array(3 * 40 * 50).fill(7);
      randomErasing(data, 40, 50, { ...STANDARD_ERASING, fill: "zero" }, random(i));
      const hits = Array.from({ length: 2000 }, (_, at) => at).filter((at) => data[at] === 0);
      const [rows, columns] = [hits.map((at) => Math.floor(at / 50)), hits.map((at) => at % 50)];
      const height = Math.max(...rows) - Math.min(...rows) + 1;
      const width = Math.max(...columns) - Math.min(...columns) + 1;
      expect(hits.length).toBe(height * width);
      for (const at of hits) expect([data[at + 2000], data[at + 4000]]).toEqual([0, 0]);
      expect(data.filter((v) => v === 0).length).toBe(3 * hits.length);
      total += hits.length / 2000;
    }
    expect(total / 200).toBeGreaterThan(0.13); // uniform over 2..33 %, the largest sometimes not fitting
    expect(total / 200).toBeLessThan(0.2);
  });

  it("fills with standard normal values", () => {
    const data = new Float32Array(3 * 100 * 100).fill(99);
    randomErasing(data, 100, 100, { ...STANDARD_ERASING, area: [0.3, 0.33] }, random(3));
    const values = data.filter((v) => v !== 99);
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(values.length).toBeGreaterThan(8000);
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });
});
