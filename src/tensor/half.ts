import type { Tensor } from "./tensor.ts";

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** IEEE 754 binary16 bits of a float32 value, rounded to nearest even. */
export function toFloat16(value: number): number {
  f32[0] = value;
  const x = u32[0]!;
  const sign = (x >>> 16) & 0x8000;
  const exponent = (x >>> 23) & 0xff;
  const mantissa = x & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 : 0);
  const e = exponent - 112; // re-bias 127 -> 15
  if (e >= 31) return sign | 0x7c00;
  if (e <= 0) {
    if (e < -10) return sign;
    const full = mantissa | 0x800000;
    const shift = 14 - e;
    const half = full >>> shift;
    const rest = full & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
  }
  const half = (e << 10) | (mantissa >>> 13);
  const rest = mantissa & 0x1fff;
  return sign | (half + (rest > 0x1000 || (rest === 0x1000 && half & 1) ? 1 : 0));
}

/** The value of IEEE 754 binary16 bits. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** bfloat16 bits of a float32 value, rounded to nearest even; NaN stays NaN. */
export function toBfloat16(value: number): number {
  f32[0] = value;
  const x = u32[0]!;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return ((x + 0x7fff + ((x >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The value of bfloat16 bits. */
export function fromBfloat16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0]!;
}

let float16Table: Float32Array | undefined;

/** Any floating-point tensor as float32 (the same object when it already is). @throws TypeError for other dtypes. */
export function asFloat32(tensor: Tensor): Tensor<"float32"> {
  const { dtype, shape, data } = tensor;
  switch (dtype) {
    case "float32":
      return tensor as Tensor<"float32">;
    case "float64":
      return { dtype: "float32", shape, data: Float32Array.from(data as Float64Array) };
    case "bfloat16": {
      const words = new Uint32Array(data.length);
      for (let i = 0; i < words.length; i++) words[i] = Number(data[i]!) << 16;
      return { dtype: "float32", shape, data: new Float32Array(words.buffer) };
    }
    case "float16": {
      float16Table ??= Float32Array.from({ length: 65536 }, (_, bits) => fromFloat16(bits));
      const out = new Float32Array(data.length);
      for (let i = 0; i < out.length; i++) out[i] = float16Table[Number(data[i]!)]!;
      return { dtype: "float32", shape, data: out };
    }
    default:
      throw new TypeError(`asFloat32: expected a floating-point tensor, got ${dtype}`);
  }
}

/** A float32 tensor in half precision. */
export function asFloat16(tensor: Tensor<"float32">): Tensor<"float16"> {
  return { dtype: "float16", shape: tensor.shape, data: Uint16Array.from(tensor.data, toFloat16) };
}
