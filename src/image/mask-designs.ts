import type { Random } from "../tensor/random.ts";
import { anyColour, type Colour, cloth, type Fabric, pick, plain, vary } from "./fabric.ts";
import type { Coat } from "./scene-light.ts";

/** The outline of a mask in face coordinates, before jitter. */
export interface Cut {
  /** `v` at the nose bridge, at half width, where it meets the cheek, at the lower corner, at the middle below. */
  readonly bridge: number;
  readonly shoulder: number;
  readonly cheek: number;
  readonly corner: number;
  readonly bottom: number;
  /** `u` of the upper and lower corners. */
  readonly upperWidth: number;
  readonly lowerWidth: number;
}

export interface Design {
  readonly cut: Cut;
  readonly coat: Coat;
  readonly loops: Colour | undefined;
  readonly loopWidth: number;
  /** Straps run over the cheeks to the back of the head instead of around the ears. */
  readonly headbands?: boolean;
  readonly trim?: Colour;
  readonly valve?: boolean;
}

const SURGICAL: readonly (readonly [number, Colour])[] = [
  [5, [150, 200, 225]],
  [2, [110, 175, 215]],
  [5, [232, 236, 238]],
  [2, [150, 210, 195]],
  [1, [235, 185, 195]],
  [2, [38, 38, 42]],
  [1, [175, 180, 185]],
];

const DARK: readonly (readonly [number, Colour])[] = [
  [6, [30, 30, 33]],
  [3, [85, 85, 90]],
  [1, [40, 45, 70]],
  [1, [95, 70, 65]],
];

const RESPIRATOR: readonly (readonly [number, Colour])[] = [
  [7, [236, 236, 232]],
  [1, [205, 205, 200]],
  [1, [225, 215, 180]],
  [1, [50, 50, 54]],
];

/** Folds, roundness and the side the light comes from, as a factor of brightness. */
function relief(random: Random, folds: (u: number, v: number) => number): (u: number, v: number) => number {
  const [round, side, fall] = [random.uniform(0.06, 0.32), random.uniform(-0.12, 0.12), random.uniform(-0.02, 0.3)];
  return (u, v) => (1.04 - round * u * u + side * u - fall * Math.max(0, v - 0.55)) * folds(u, v);
}

/** A pleated surgical mask. */
export function surgical(random: Random): Design {
  const colour = vary(random, pick(random, SURGICAL), 14);
  const [bend, depth] = [random.uniform(-0.1, 0.16), random.uniform(0.06, 0.22)];
  const [first, step] = [random.uniform(0.34, 0.46), random.uniform(0.13, 0.19)];
  const [count, slack] = [2 + random.integer(3), random.uniform(0, 0.08)];
  const pleats = (u: number, v: number) => {
    let factor = 1;
    const w = v + bend * u * u;
    for (let i = 0; i < count; i++) {
      const d = (w - first - i * step) / 0.022;
      if (d > -3 && d < 3) factor += depth * (0.55 * Math.exp(-((d - 1.1) ** 2)) - Math.exp(-d * d));
    }
    return factor * (1 - slack * Math.sin(9 * u + 14 * v));
  };
  const white: Colour = [236, 238, 238];
  const band = random.uniform() < 0.35 ? random.uniform(0.03, 0.07) : 0;
  const top = random.uniform(0.16, 0.26);
  const body = plain(colour);
  const fabric: Fabric =
    band > 0 ? (u, v, out) => (v - 0.14 * u * u < top + band ? plain(white)(u, v, out) : body(u, v, out)) : body;
  return {
    cut: {
      bridge: top - 0.03 + random.uniform(-0.04, 0.04),
      shoulder: random.uniform(0.22, 0.31),
      cheek: random.uniform(0.26, 0.42),
      corner: random.uniform(0.74, 0.9),
      bottom: random.uniform(0.98, 1.12),
      upperWidth: random.uniform(0.8, 1),
      lowerWidth: random.uniform(0.82, 1.02),
    },
    coat: { fabric, shade: relief(random, pleats), relief: random.uniform(0.25, 0.7), grain: random.uniform(2, 7) },
    loops: random.uniform() < 0.85 ? (colour[0] < 80 && random.uniform() < 0.7 ? [45, 45, 48] : white) : undefined,
    loopWidth: random.uniform(0.008, 0.02),
  };
}

/** A respirator: a stiff cup or a fold, perhaps with a valve. */
export function respirator(random: Random): Design {
  const colour = vary(random, pick(random, RESPIRATOR), 12);
  const fold = random.uniform() < 0.6; // a vertical crease in the middle; else a round cup with a seam along its rim
  const [crease, split] = [random.uniform(0.05, 0.16), random.uniform(-0.12, 0.12)];
  const rim = random.uniform(0.75, 0.88);
  const folds = (u: number, v: number) => {
    if (fold)
      return 1 + (u < 0 ? split : -split) * Math.min(1, Math.abs(u) * 8) - crease * Math.exp(-((u / 0.035) ** 2));
    const d = (Math.hypot(u, (v - 0.62) / 0.52) - rim) / 0.05;
    return 1 + 0.1 * Math.exp(-((u + 0.15) ** 2 + (v - 0.5) ** 2) * 6) - 0.14 * Math.exp(-d * d);
  };
  return {
    cut: {
      bridge: random.uniform(0.08, 0.18),
      shoulder: random.uniform(0.3, 0.38),
      cheek: random.uniform(0.46, 0.6),
      corner: random.uniform(0.72, 0.86),
      bottom: random.uniform(1, 1.12),
      upperWidth: random.uniform(0.72, 0.95),
      lowerWidth: random.uniform(0.66, 0.88),
    },
    coat: {
      fabric: plain(colour),
      shade: relief(random, folds),
      relief: random.uniform(0.25, 0.6),
      grain: random.uniform(2, 6),
    },
    loops: pick(random, [
      [4, [232, 232, 230]],
      [2, [225, 190, 60]],
      [1, [60, 90, 160]],
      [1, [40, 40, 42]],
    ]),
    loopWidth: random.uniform(0.01, 0.025),
    headbands: random.uniform() < 0.6,
    valve: random.uniform() < 0.3,
  };
}

function wideCut(random: Random): Cut {
  return {
    bridge: random.uniform(0.1, 0.26),
    shoulder: random.uniform(0.24, 0.34),
    cheek: random.uniform(0.24, 0.46),
    corner: random.uniform(0.58, 0.82),
    bottom: random.uniform(0.99, 1.12),
    upperWidth: random.uniform(0.9, 1.06),
    lowerWidth: random.uniform(0.84, 1.06),
  };
}

/** A mask of stretchy cloth that follows the face. */
export function stretch(random: Random): Design {
  const colour = vary(random, pick(random, DARK), 12);
  const [crease, wave] = [random.uniform(0, 0.14), random.uniform(0, 0.05)];
  const folds = (u: number, v: number) =>
    1 + crease * Math.exp(-((u / 0.05) ** 2)) + wave * Math.sin(7 * v + 5 * Math.abs(u));
  const shade = relief(random, folds);
  return {
    cut: wideCut(random),
    coat: { fabric: plain(colour), shade, relief: random.uniform(0.4, 0.9), grain: random.uniform(2, 6) },
    loops: random.uniform() < 0.75 ? colour : undefined,
    loopWidth: random.uniform(0.02, 0.07),
  };
}

/** A sewn cloth mask with a seam or pleats. */
export function sewn(random: Random): Design {
  const colour = anyColour(random);
  const [crease, wave, sway] = [random.uniform(-0.12, 0.14), random.uniform(0, 0.08), random.uniform(4, 12)];
  const folds = (u: number, v: number) => 1 + crease * Math.exp(-((u / 0.04) ** 2)) + wave * Math.sin(sway * v + 6 * u);
  const trimmed = random.uniform() < 0.25;
  return {
    cut: wideCut(random),
    coat: {
      fabric: cloth(random, colour),
      shade: relief(random, folds),
      relief: random.uniform(0.3, 0.8),
      grain: random.uniform(3, 10),
    },
    loops:
      random.uniform() < 0.75
        ? pick(random, [
            [2, colour],
            [2, [30, 30, 32] as const],
            [2, [235, 235, 235] as const],
          ])
        : undefined,
    loopWidth: random.uniform(0.015, 0.04),
    ...(trimmed ? { trim: anyColour(random) } : {}),
  };
}

/** A neck tube, niqab or bandana: over the nose, past the cheeks, down to the neck. */
export function tube(random: Random): Design {
  const colour = random.uniform() < 0.6 ? vary(random, pick(random, DARK), 12) : anyColour(random);
  const sway = random.uniform(4, 10);
  const folds = (u: number, v: number) => 1 + 0.09 * Math.sin(sway * v + 3 * u * u);
  return {
    cut: {
      bridge: random.uniform(0.15, 0.28),
      shoulder: 0.28,
      cheek: random.uniform(0.2, 0.4),
      corner: 1.1,
      bottom: 1.6,
      upperWidth: 1.12,
      lowerWidth: 1.9,
    },
    coat: {
      fabric: cloth(random, colour),
      shade: relief(random, folds),
      relief: random.uniform(0.5, 0.9),
      grain: random.uniform(3, 8),
    },
    loops: undefined,
    loopWidth: 0,
  };
}
