/*
 * The 8-point DCT and its inverse in 13-bit fixed point: Loeffler, Ligtenberg and Moschytz 1989 with 11 multiplications,
 * in libjpeg's scaling (jfdctint.c, jidctint.c: "islow"), so that a block comes back exactly as from a JPEG file.
 */
const BITS = 13;
const fix = (x: number) => Math.round(x * (1 << BITS));
const F0298 = fix(0.298631336);
const F0390 = fix(0.390180644);
const F0541 = fix(0.5411961);
const F0765 = fix(0.765366865);
const F0899 = fix(0.899976223);
const F1175 = fix(1.175875602);
const F1501 = fix(1.50132111);
const F1847 = fix(1.847759065);
const F1961 = fix(1.96157056);
const F2053 = fix(2.053119869);
const F2562 = fix(2.562915447);
const F3072 = fix(3.072711026);

/** In place: 64 samples around 0 become coefficients times 8. */
export function forwardDct(block: Int32Array): void {
  for (let row = 0; row < 64; row += 8) forward(block, row, 1, BITS - 2);
  for (let column = 0; column < 8; column++) forward(block, column, 8, BITS + 2);
}

/** In place: 64 coefficients become samples around 0. */
export function inverseDct(block: Int32Array): void {
  for (let column = 0; column < 8; column++) inverse(block, column, 8, BITS - 2);
  for (let row = 0; row < 64; row += 8) inverse(block, row, 1, BITS + 5);
}

function forward(v: Int32Array, i: number, step: number, shift: number): void {
  const half = 1 << (shift - 1);
  const i1 = i + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const s0 = v[i]! + v[i7]!;
  const s1 = v[i1]! + v[i6]!;
  const s2 = v[i2]! + v[i5]!;
  const s3 = v[i3]! + v[i4]!;
  const d0 = v[i]! - v[i7]!;
  const d1 = v[i1]! - v[i6]!;
  const d2 = v[i2]! - v[i5]!;
  const d3 = v[i3]! - v[i4]!;

  const e0 = s0 + s3;
  const e1 = s1 + s2;
  const e2 = s1 - s2;
  const e3 = s0 - s3;
  const even = Math.imul(e2 + e3, F0541);
  v[i] = (((e0 + e1) << BITS) + half) >> shift;
  v[i4] = (((e0 - e1) << BITS) + half) >> shift;
  v[i2] = (even + Math.imul(e3, F0765) + half) >> shift;
  v[i6] = (even - Math.imul(e2, F1847) + half) >> shift;

  const z5 = Math.imul(d3 + d1 + d2 + d0, F1175);
  const z1 = Math.imul(d3 + d0, -F0899);
  const z2 = Math.imul(d2 + d1, -F2562);
  const z3 = Math.imul(d3 + d1, -F1961) + z5;
  const z4 = Math.imul(d2 + d0, -F0390) + z5;
  v[i7] = (Math.imul(d3, F0298) + z1 + z3 + half) >> shift;
  v[i5] = (Math.imul(d2, F2053) + z2 + z4 + half) >> shift;
  v[i3] = (Math.imul(d1, F3072) + z2 + z3 + half) >> shift;
  v[i1] = (Math.imul(d0, F1501) + z1 + z4 + half) >> shift;
}

function inverse(v: Int32Array, i: number, step: number, shift: number): void {
  const half = 1 << (shift - 1);
  const i1 = i + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;

  const even = Math.imul(v[i2]! + v[i6]!, F0541);
  const t2 = even - Math.imul(v[i6]!, F1847);
  const t3 = even + Math.imul(v[i2]!, F0765);
  const t0 = ((v[i]! + v[i4]!) << BITS) + half;
  const t1 = ((v[i]! - v[i4]!) << BITS) + half;
  const e0 = t0 + t3;
  const e1 = t1 + t2;
  const e2 = t1 - t2;
  const e3 = t0 - t3;

  const o0 = v[i7]!;
  const o1 = v[i5]!;
  const o2 = v[i3]!;
  const o3 = v[i1]!;
  const z5 = Math.imul(o0 + o2 + o1 + o3, F1175);
  const z1 = Math.imul(o0 + o3, -F0899);
  const z2 = Math.imul(o1 + o2, -F2562);
  const z3 = Math.imul(o0 + o2, -F1961) + z5;
  const z4 = Math.imul(o1 + o3, -F0390) + z5;
  const a0 = Math.imul(o0, F0298) + z1 + z3;
  const a1 = Math.imul(o1, F2053) + z2 + z4;
  const a2 = Math.imul(o2, F3072) + z2 + z3;
  const a3 = Math.imul(o3, F1501) + z1 + z4;
  v[i] = (e0 + a3) >> shift;
  v[i7] = (e0 - a3) >> shift;
  v[i1] = (e1 + a2) >> shift;
  v[i6] = (e1 - a2) >> shift;
  v[i2] = (e2 + a1) >> shift;
  v[i5] = (e2 - a1) >> shift;
  v[i3] = (e3 + a0) >> shift;
  v[i4] = (e3 - a0) >> shift;
}
