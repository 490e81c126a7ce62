import type { Random } from "../tensor/random.ts";

/** Red, green, blue, 0–255, as the thing looks in good light. */
export type Colour = readonly [red: number, green: number, blue: number];

/** What a surface looks like at (u, v) of a face: writes red, green, blue to `out`. */
export type Fabric = (u: number, v: number, out: Float32Array) => void;

/** A whole number in [0, 2^32) for a lattice point: the noise of {@link smoothNoise}. */
export function hash(x: number, y: number, seed: number): number {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ seed;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Value noise: smooth between random lattice values, 0–1, about one bump a unit. */
export function smoothNoise(x: number, y: number, seed: number): number {
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - x0, y - y0];
  const [sx, sy] = [fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)];
  const top = hash(x0, y0, seed) * (1 - sx) + hash(x0 + 1, y0, seed) * sx;
  const bottom = hash(x0, y0 + 1, seed) * (1 - sx) + hash(x0 + 1, y0 + 1, seed) * sx;
  return (top * (1 - sy) + bottom * sy) / 4294967296;
}

/** One of `options`, each with its weight. */
export function pick<T>(random: Random, options: readonly (readonly [weight: number, value: T])[]): T {
  let left = random.uniform() * options.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, value] of options) {
    left -= weight;
    if (left < 0) return value;
  }
  return options[options.length - 1]![1];
}

/** `colour` moved by up to `by` in every channel, kept in 0–255. */
export function vary(random: Random, colour: Colour, by: number): Colour {
  const move = (c: number) => Math.min(255, Math.max(0, c + random.uniform(-by, by)));
  return [move(colour[0]), move(colour[1]), move(colour[2])];
}

/** Any colour: random hue, mostly muted, sometimes bright, dark or pale. */
export function anyColour(random: Random): Colour {
  const hue = random.uniform(0, 6);
  const [saturation, value] = [random.uniform(0.05, 0.95) * random.uniform(0.4, 1), random.uniform(0.12, 0.97)];
  const channel = (offset: number) => {
    const k = (offset + hue) % 6;
    return 255 * value * (1 - saturation * Math.max(0, Math.min(1, k, 4 - k)));
  };
  return [channel(5), channel(3), channel(1)];
}

const write = (out: Float32Array, colour: Colour) => {
  out[0] = colour[0];
  out[1] = colour[1];
  out[2] = colour[2];
};

/** One colour everywhere. */
export const plain =
  (colour: Colour): Fabric =>
  (_u, _v, out) =>
    write(out, colour);

/** A printed or woven cloth around the colour `base`: plain, stripes, checks, dots, blots or speckles. */
export function cloth(random: Random, base: Colour): Fabric {
  const other = random.uniform() < 0.5 ? vary(random, base, 70) : anyColour(random);
  const third = anyColour(random);
  const scale = random.uniform(5, 22);
  const [cos, sin] = turn(random);
  const seed = random.bits() | 0;
  const share = random.uniform(0.25, 0.6);
  const turned = (paint: (x: number, y: number) => Colour): Fabric => {
    return (u, v, out) => write(out, paint((u * cos + v * sin) * scale, (v * cos - u * sin) * scale));
  };
  const fraction = (x: number) => x - Math.floor(x);
  return pick(random, [
    [4, plain(base)],
    [1, turned((x) => (fraction(x / 2) < share ? other : base))],
    [1, turned((x, y) => weave(fraction(x / 2) < share, fraction(y / 2) < share, base, other, third))],
    [1, turned((x, y) => ((fraction(x) - 0.5) ** 2 + (fraction(y) - 0.5) ** 2 < 0.14 * share ? other : base))],
    [1.5, turned((x, y) => blot(smoothNoise(x / 2, y / 2, seed), base, other, third))],
    [0.7, turned((x, y) => (smoothNoise(x * 2, y * 2, seed) > 0.75 ? other : base))],
  ]);
}

function turn(random: Random): [number, number] {
  const angle = pick(random, [
    [1, 0],
    [1, Math.PI / 2],
    [1, random.uniform(0, Math.PI)],
  ]);
  return [Math.cos(angle), Math.sin(angle)];
}

function weave(warp: boolean, weft: boolean, base: Colour, other: Colour, third: Colour): Colour {
  if (warp && weft) return third;
  return warp || weft ? other : base;
}

function blot(level: number, base: Colour, other: Colour, third: Colour): Colour {
  if (level < 0.45) return base;
  return level < 0.62 ? other : third;
}
