import { asFloat16, asFloat32 } from "../tensor/half.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What floating-point tensors may be stored as. */
export type FloatDType = "float32" | "float16" | "bfloat16";

/** A floating-point tensor as `dtype`, rounded to nearest even; integer tensors, and those of `dtype` already, as they are. */
export function asDType(tensor: Tensor, dtype: FloatDType): Tensor {
  if (tensor.dtype === dtype || !/^b?float/.test(tensor.dtype)) return tensor;
  const float32 = asFloat32(tensor);
  if (dtype === "float32") return float32;
  return dtype === "float16" ? asFloat16(float32) : asBfloat16(float32);
}

/** A float32 tensor as bfloat16: the upper 16 bits, rounded to nearest even; NaN stays NaN. */
function asBfloat16({ shape, data }: Tensor<"float32">): Tensor<"bfloat16"> {
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    const notANumber = (x & 0x7fffffff) > 0x7f800000;
    out[i] = notANumber ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return { dtype: "bfloat16", shape, data: out };
}
