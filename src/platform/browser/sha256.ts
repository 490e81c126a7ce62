// SHA-256 that answers at once and on any page: crypto.subtle only promises an answer, and is absent on insecure origins.
// @see FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2

const primes = (count: number): number[] => {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
};
const fraction = (x: number) => ((x - Math.floor(x)) * 2 ** 32) | 0; // its first 32 bits
const K = Int32Array.from(primes(64), (p) => fraction(Math.cbrt(p)));
const START = primes(8).map((p) => fraction(Math.sqrt(p)));
const BLOCK = 64; // bytes

const rotate = (x: number, n: number) => (x >>> n) | (x << (32 - n));

/** One block of 64 bytes at `at` into the state [8]; `w` [64] is scratch. */
function compress(state: Int32Array, bytes: DataView, at: number, w: Int32Array): void {
  for (let t = 0; t < 16; t++) w[t] = bytes.getInt32(at + 4 * t);
  for (let t = 16; t < 64; t++) {
    const [x, y] = [w[t - 15]!, w[t - 2]!];
    const s0 = rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3);
    const s1 = rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10);
    w[t] = (w[t - 16]! + s0 + w[t - 7]! + s1) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let t = 0; t < 64; t++) {
    const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[t]! + w[t]!) | 0;
    const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => {
    state[i] = (state[i]! + value) | 0;
  });
}

/** SHA-256 of parts one after the other, in hexadecimal. */
export function sha256(parts: readonly Uint8Array[]): string {
  const state = Int32Array.from(START);
  const w = new Int32Array(64);
  const block = new Uint8Array(2 * BLOCK);
  const view = new DataView(block.buffer);
  let [held, length] = [0, 0]; // bytes waiting in `block`, and bytes seen
  for (const part of parts) {
    length += part.length;
    let at = 0;
    if (held > 0) {
      at = Math.min(BLOCK - held, part.length);
      block.set(part.subarray(0, at), held);
      held += at;
      if (held < BLOCK) continue;
      compress(state, view, 0, w);
      held = 0;
    }
    const bytes = new DataView(part.buffer, part.byteOffset, part.byteLength);
    for (; at + BLOCK <= part.length; at += BLOCK) compress(state, bytes, at, w);
    held = part.length - at;
    block.set(part.subarray(at));
  }
  const end = held + 9 <= BLOCK ? BLOCK : 2 * BLOCK; // a one bit, zeros, the length in bits
  block.fill(0, held, end);
  block[held] = 0x80;
  view.setUint32(end - 8, Math.floor(length / 2 ** 29));
  view.setUint32(end - 4, (length * 8) >>> 0);
  for (let at = 0; at < end; at += BLOCK) compress(state, view, at, w);
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
