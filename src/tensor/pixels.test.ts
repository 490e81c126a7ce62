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
