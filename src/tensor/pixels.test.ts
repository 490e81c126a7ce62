import { expect, it } from "vitest";
import { toRgb } from "./pixels.ts";

const size = { width: 2, height: 1 };

it.each([
  ["grey", 1, [7, 9], [7, 7, 7, 9, 9, 9]],
  ["grey with alpha", 2, [7, 0, 9, 128], [7, 7, 7, 9, 9, 9]],
  ["RGB with alpha", 4, [1, 2, 3, 0, 4, 5, 6, 255], [1, 2, 3, 4, 5, 6]],
])("%s becomes RGB", (_, channels, bytes, expected) => {
  expect(toRgb({ ...size, channels, data: Uint8Array.from(bytes) })).toEqual({
    ...size,
    data: Uint8Array.from(expected),
  });
});

it("RGB is not copied, whatever kind of bytes it is", () => {
  const data = Uint8ClampedArray.of(1, 2, 3, 4, 5, 6);
  const rgb = toRgb({ ...size, channels: 3, data });
  expect(rgb.data.buffer).toBe(data.buffer);
  expect(rgb.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
});

it.each([0, 1, 2, 3, 4])("drops alpha of any number of pixels, from byte %i of a buffer on", (start) => {
  for (const width of [1, 3, 4, 5, 8, 11]) {
    const bytes = Uint8Array.from({ length: start + 4 * width + 2 }, (_, i) => (37 * i + 11) % 256);
    const data = bytes.subarray(start, start + 4 * width);
    const expected = Array.from(data).filter((_, i) => i % 4 !== 3);
    expect(Array.from(toRgb({ width, height: 1, channels: 4, data }).data)).toEqual(expected);
  }
});
