/** What faces wear or grow that is no face mask. */
import type { Random } from "../tensor/random.ts";
import { type Canvas, flat, put, shadow } from "./brush.ts";
import { anyColour, cloth, type Fabric, pick, plain, smoothNoise, vary } from "./fabric.ts";
import { drawMask } from "./face-mask.ts";
import { type Coverage, closedCurve, curve, ellipse, fill, type Point, stroke } from "./raster.ts";
import { lay } from "./scene-light.ts";

/** A scarf or high collar around the neck: its top edge lies between the lower lip and below the chin. */
export function scarf(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const top = random.uniform(Math.max(0.82, frame.lips + 0.17), 1.04);
  const sag = random.uniform(-0.02, 0.14);
  const edge = curve(
    [-1.5, -0.9, -0.35, 0, 0.35, 0.9, 1.5].map((u) =>
      flat(canvas, u, top + sag - sag * u * u + random.normal() * 0.02),
    ),
  );
  const shape = [...edge, flat(canvas, 1.9, 2.2), flat(canvas, -1.9, 2.2)];
  const [waves, depth] = [random.uniform(8, 24), random.uniform(0.05, 0.2)];
  shadow(canvas, shape, 0.35);
  put(canvas, shape, {
    fabric: cloth(random, anyColour(random)),
    shade: (u, v) => 1 + depth * Math.sin(waves * (v + 0.25 * u * u)) - 0.1 * Math.abs(u),
    relief: 0.3,
    grain: 8,
  });
}

/** Hair on jaw, chin and upper lip; the mouth stays free. */
export function beard(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const { lips } = frame;
  const full = random.uniform() < 0.6;
  const top = full ? random.uniform(0.3, 0.5) : lips;
  const wide = full ? random.uniform(0.92, 1.02) : random.uniform(0.3, 0.6);
  const outline = closedCurve([
    frame.place(-wide, top),
    frame.place(-wide * 0.66, lips - 0.02),
    frame.place(-0.2, lips - 0.1),
    frame.place(0, lips - 0.07),
    frame.place(0.2, lips - 0.1),
    frame.place(wide * 0.66, lips - 0.02),
    frame.place(wide, top),
    frame.place(wide, 0.85),
    frame.place(wide * 0.55, random.uniform(1.02, 1.2)),
    frame.place(-wide * 0.55, random.uniform(1.02, 1.2)),
    frame.place(-wide, 0.85),
  ]);
  const cover = fill(outline, canvas.width, canvas.height, frame.width * 0.05);
  const mouth = fill(
    ellipse(frame.place(0, lips + 0.02), frame.width * 0.17, frame.height * 0.055),
    canvas.width,
    canvas.height,
    frame.width * 0.03,
  );
  cutOut(cover, mouth);
  const seed = random.bits() | 0;
  const colour = vary(
    random,
    pick(random, [
      [5, [42, 32, 26] as const],
      [2, [90, 62, 40] as const],
      [2, [150, 148, 144] as const],
    ]),
    12,
  );
  const fine = 300 / frame.width;
  const hair: Fabric = (u, v, out) => {
    const strand = 0.55 + 0.9 * smoothNoise(u * 13 * fine, v * 5 * fine, seed);
    for (let c = 0; c < 3; c++) out[c] = colour[c]! * strand;
  };
  const opacity = random.uniform(0.45, 0.92);
  lay(canvas.data, canvas, cover, frame, canvas.light, { fabric: hair, opacity, relief: 0.4, grain: 12 });
}

function cutOut(cover: Coverage, hole: Coverage): void {
  for (let row = 0; row < hole.height; row++) {
    for (let column = 0; column < hole.width; column++) {
      const [x, y] = [hole.x + column - cover.x, hole.y + row - cover.y];
      if (x < 0 || y < 0 || x >= cover.width || y >= cover.height) continue;
      cover.alpha[y * cover.width + x]! *= 1 - hole.alpha[row * hole.width + column]!;
    }
  }
}

/** A mask pulled down: nose and mouth are free. */
export function chinMask(canvas: Canvas, random: Random): void {
  drawMask(canvas, random, random.uniform(0.56, 0.8));
}

/** Half a pair of sunglasses, nose to the left: across and down in lens widths. */
const LENS: readonly Point[] = [
  [-1, -0.5],
  [0, -0.62],
  [1.05, -0.5],
  [1, 0.25],
  [0.3, 0.72],
  [-0.6, 0.6],
];

/** Dark glasses over both eyes. */
export function sunglasses(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const colour = vary(
    random,
    pick(random, [
      [5, [22, 22, 24] as const],
      [1, [70, 45, 30] as const],
      [1, [40, 60, 100] as const],
    ]),
    10,
  );
  const [wide, tall] = [random.uniform(0.36, 0.46), random.uniform(0.14, 0.26)];
  const opacity = random.uniform(0.8, 1);
  const coat = {
    fabric: plain(colour),
    opacity,
    relief: 0.1,
    grain: 3,
    shade: (_u: number, v: number) => 1.3 - 1.5 * v,
  };
  const arms = stroke([flat(canvas, -1.08, -0.08), flat(canvas, 1.08, -0.08)], Math.max(1, frame.width * 0.02));
  put(canvas, arms, coat);
  for (const side of [-1, 1]) {
    const lens = LENS.map(([x, y]): Point => flat(canvas, side * (0.47 + x * wide), 0.03 + y * tall));
    put(canvas, closedCurve(lens, 4), coat);
  }
}

/** A hat, cap or hood edge over the forehead. */
export function hat(canvas: Canvas, random: Random): void {
  const brim = random.uniform(-0.5, -0.25);
  const edge = curve([-1.4, -0.7, 0, 0.7, 1.4].map((u) => flat(canvas, u, brim + 0.12 * u * u * random.uniform(0, 1))));
  const crown = [flat(canvas, 1.4, -0.7), flat(canvas, 0.9, -1.3), flat(canvas, -0.9, -1.3), flat(canvas, -1.4, -0.7)];
  const shape = [...edge, ...crown];
  shadow(canvas, shape, 0.4);
  put(canvas, shape, {
    fabric: cloth(random, anyColour(random)),
    shade: (u) => 1.05 - 0.2 * u * u,
    relief: 0.2,
    grain: 7,
  });
}
