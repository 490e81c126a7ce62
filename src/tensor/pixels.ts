/** A picture on the host: 8-bit RGB, row-major height x width x 3, so `data.length` is `width * height * 3`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Rows of `channels` bytes a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
export interface ChannelPixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** As RGB: grey in all three, alpha dropped, not blended. RGB itself is not copied. */
export function toRgb({ width, height, channels, data }: ChannelPixels): Pixels {
  if (channels === 3) return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const out = new Uint8Array(width * height * 3);
  const [g, b] = channels > 2 ? [1, 2] : [0, 0];
  for (let from = 0, to = 0; to < out.length; from += channels, to += 3) {
    out[to] = data[from]!;
    out[to + 1] = data[from + g]!;
    out[to + 2] = data[from + b]!;
  }
  return { width, height, data: out };
}
