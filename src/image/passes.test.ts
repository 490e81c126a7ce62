import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noisePicture } from "../../test/fixtures/pillow/pictures.ts";
import { type Coefficients, coefficients } from "./coefficients.ts";
import type { WeightedFilter } from "./filters.ts";
import { horizontal, type View, vertical } from "./passes.ts";

// Tools are plain JavaScript outside the compiled sources.
const { assembled } = await import(new URL("../../tools/wasm.mjs", import.meta.url).href);

/** A weighted sum of bytes, exact in float64, rounded half up and clamped: what every output byte is. */
function weigh(bytes: readonly number[], weights: Int32Array): number {
  const sum = bytes.reduce((total, byte, t) => total + byte * weights[t]!, 2 ** 21);
  return Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)));
}

const at = ({ data, offset, stride }: View, x: number, y: number, c: number) => data[offset + y * stride + 3 * x + c]!;

/** Target pixels of one axis by definition; `read` gives the source byte at a position on it. */
function weighAxis({ taps, first, weights }: Coefficients, i: number, read: (position: number) => number): number {
  const bytes = Array.from({ length: taps }, (_, t) => read(first[i]! + t));
  return weigh(bytes, weights.subarray(i * taps, (i + 1) * taps));
}

function expected(view: View, axis: Coefficients, size: { width: number; height: number }, wide: boolean): Uint8Array {
  return Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % size.width, Math.floor(i / 3 / size.width)];
    return wide
      ? weighAxis(axis, x, (position) => at(view, position, y, c))
      : weighAxis(axis, y, (position) => at(view, x, position, c));
  });
}

/** A view inside a larger picture of noise, so that what lies around it would show. */
function viewOf(width: number, height: number, margin: number, seed: number): View {
  const { data } = noisePicture(seed, width + 2 * margin, height + 2 * margin);
  const extremes = data.map((byte) => (byte < 100 ? 0 : byte < 200 ? 255 : byte)); // overshoot must be clamped
  const stride = (width + 2 * margin) * 3;
  return { data: extremes, width, height, offset: margin * stride + margin * 3, stride };
}

const edge = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 150 }));
const filter = fc.constantFrom<WeightedFilter>("box", "bilinear", "hamming", "bicubic", "lanczos");
const source = fc.record({
  width: edge,
  height: edge,
  margin: fc.integer({ min: 0, max: 3 }),
  seed: fc.nat(),
});
const part = fc.tuple(fc.double({ min: 0, max: 0.4, noNaN: true }), fc.double({ min: 0.5, max: 1, noNaN: true }));

describe("passes", () => {
  it("horizontally are sums by definition, whatever the sizes, filter and box", () => {
    fc.assert(
      fc.property(source, edge, filter, part, ({ width, height, margin, seed }, target, name, [low, high]) => {
        const view = viewOf(width, height, margin, seed);
        const axis = coefficients(width, low * width, high * width, target, name);
        const out = horizontal(view, axis, target);
        expect([out.width, out.height]).toEqual([target, height]);
        expect(out.data).toEqual(expected(view, axis, out, true));
      }),
      { numRuns: 150 },
    );
  });

  it("vertically are sums by definition, whatever the sizes, filter and box", () => {
    fc.assert(
      fc.property(source, edge, filter, part, ({ width, height, margin, seed }, target, name, [low, high]) => {
        const view = viewOf(width, height, margin, seed);
        const axis = coefficients(height, low * height, high * height, target, name);
        const out = vertical(view, axis, target);
        expect([out.width, out.height]).toEqual([width, target]);
        expect(out.data).toEqual(expected(view, axis, out, false));
      }),
      { numRuns: 150 },
    );
  });

  it("hold for pictures of many strips", () => {
    const view = viewOf(200, 150, 1, 5);
    const columns = coefficients(200, 0, 200, 33, "lanczos");
    const narrowed = horizontal(view, columns, 33);
    expect(narrowed.data).toEqual(expected(view, columns, narrowed, true));
    const rows = coefficients(150, 0, 150, 130, "bicubic");
    const tall = vertical(view, rows, 130);
    expect(tall.data).toEqual(expected(view, rows, tall, false));
  });

  it("clamp sums that leave the range of a byte", () => {
    const view: View = { data: Uint8Array.of(255, 0, 7, 0, 255, 7), width: 2, height: 1, offset: 0, stride: 6 };
    const axis = { taps: 2, first: Int32Array.of(0), weights: Int32Array.of(1.5 * 2 ** 22, -0.5 * 2 ** 22) };
    expect([...horizontal(view, axis, 1).data]).toEqual([255, 0, 7]);
  });
});

describe("passes-wasm.ts", () => {
  it("is passes.wat, assembled: npm run wasm", async () => {
    expect(readFileSync(new URL("passes-wasm.ts", import.meta.url), "utf8")).toBe(await assembled());
  });
});
