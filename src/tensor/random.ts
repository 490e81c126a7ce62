/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy
 * as 1, 2, 3"). A stream is a pure function of its key, so worker count, order and resuming change nothing.
 * @see test vectors in random.test.ts, from the Random123 distribution's known answers
 */

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const; // Random123 threefry.h, R_32x2_*
const PARITY = 0x1bd11bda; // Random123 threefry.h, SKEIN_KS_PARITY32

const rotl = (x: number, r: number) => (x << r) | (x >>> (32 - r));

/** Two 32-bit words of the block cipher for a 64-bit key and a 64-bit counter. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, (PARITY ^ k0 ^ k1) | 0];
  let x0 = (c0 + keys[0]!) | 0;
  let x1 = (c1 + keys[1]!) | 0;
  for (let round = 0; round < 20; round++) {
    x0 = (x0 + x1) | 0;
    x1 = rotl(x1, ROTATIONS[round % 8]!) ^ x0;
    if (round % 4 === 3) {
      const s = (round >> 2) + 1;
      x0 = (x0 + keys[s % 3]!) | 0;
      x1 = (x1 + keys[(s + 1) % 3]! + s) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** FNV-1a, 32 bits, over UTF-16 code units: enough to turn the name of a use into a key word. */
function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** A stream of random numbers. */
export interface Random {
  /** 32 random bits as an unsigned integer. */
  bits(): number;
  /** Uniform in [low, high), 53 bits; [0, 1) by default. */
  uniform(low?: number, high?: number): number;
  /** Uniform integer in [0, n). */
  integer(n: number): number;
  /** Standard normal (Box–Muller). */
  normal(): number;
  /** Fisher–Yates shuffle of a copy. */
  shuffle<T>(items: readonly T[]): T[];
}

/**
 * The stream of a key, e.g. `random(seed, epoch, sample, "crop")`. Integers and names may be mixed; the same key
 * always gives the same stream, different keys give independent ones.
 */
export function random(...key: readonly (number | string)[]): Random {
  let k0 = 0x62656974; // "beit"
  let k1 = key.length;
  for (const part of key) {
    const word = typeof part === "string" ? hashText(part) : part >>> 0;
    const high = typeof part === "string" ? 0xffffffff : Math.floor(part / 4294967296) >>> 0;
    [k0, k1] = threefry2x32(k0, k1, word, high);
  }
  let counter = 0;
  let spare: number | undefined;
  let spareNormal: number | undefined;
  const bits = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const [a, b] = threefry2x32(k0, k1, counter >>> 0, Math.floor(counter / 4294967296));
    counter++;
    spare = b;
    return a;
  };
  const unit = () => ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
  const uniform = (low = 0, high = 1) => low + (high - low) * unit();
  const integer = (n: number) => Math.floor(unit() * n);
  const normal = () => {
    if (spareNormal !== undefined) {
      const value = spareNormal;
      spareNormal = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - unit()));
    const angle = 2 * Math.PI * unit();
    spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
  const shuffle = <T>(items: readonly T[]) => {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = integer(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  };
  return { bits, uniform, integer, normal, shuffle };
}
