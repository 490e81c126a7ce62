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

// Shifted into a float32's place, a binary16 exponent e reads as e - 127 where it means e - 15: the product with 2^112
// puts that right, for subnormal numbers too, and is exact. Only infinities and NaN need float32's own exponent.
const EXPONENT_SHIFT = 2 ** 112;

/** The value of IEEE 754 binary16 bits. */
export function fromFloat16(bits: number): number {
  const magnitude = bits & 0x7fff;
  const shifted = ((bits & 0x8000) << 16) | (magnitude << 13);
  const finite = magnitude < 0x7c00;
  u32[0] = finite ? shifted : shifted | 0x7f800000;
  return finite ? f32[0]! * EXPONENT_SHIFT : f32[0]!;
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

let float16Values: Float32Array | undefined; // by bits, made when first needed

function float16Table(): Float32Array {
  if (float16Values) return float16Values;
  float16Values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) float16Values[bits] = fromFloat16(bits);
  return float16Values;
}

function widenFloat16(bits: Uint16Array): Float32Array {
  const table = float16Table();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < out.length; i++) out[i] = table[bits[i]!]!;
  return out;
}

function widenBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** Any floating-point tensor as float32 (the same object when it already is). @throws TypeError for other dtypes. */
export function asFloat32(tensor: Tensor): Tensor<"float32"> {
  const { dtype, shape, data } = tensor;
  switch (dtype) {
    case "float32":
      return tensor as Tensor<"float32">;
    case "float64":
      return { dtype: "float32", shape, data: new Float32Array(data as Float64Array) };
    case "bfloat16":
      return { dtype: "float32", shape, data: widenBfloat16(data as Uint16Array) };
    case "float16":
      return { dtype: "float32", shape, data: widenFloat16(data as Uint16Array) };
    default:
      throw new TypeError(`asFloat32: expected a floating-point tensor, got ${dtype}`);
  }
}
