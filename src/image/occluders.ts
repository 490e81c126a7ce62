import type { Random } from "../tensor/random.ts";
import { along, type Canvas, put } from "./brush.ts";
import { anyColour, cloth, plain } from "./fabric.ts";
import { cup, fist, hand, microphone, phone } from "./held-things.ts";
import { curve, type Point, stroke } from "./raster.ts";
import { beard, chinMask, hat, scarf, sunglasses } from "./worn-things.ts";

/** Something in front of a face that is not a face mask. */
type Occluder = (canvas: Canvas, random: Random) => void;

/** Things that may hide nose and mouth, or lie just below them. */
export const LOWER: readonly (readonly [weight: number, draw: Occluder])[] = [
  [24, hand],
  [8, fist],
  [16, scarf],
  [12, beard],
  [14, chinMask],
  [7, scribble],
  [7, microphone],
  [6, cup],
  [6, phone],
  [6, patch],
];

/** Things that leave nose and mouth alone: good on masked and bare faces alike. */
export const UPPER: readonly (readonly [weight: number, draw: Occluder])[] = [
  [5, sunglasses],
  [3, hat],
  [2, banner],
  [1, scribble],
];

/** Pen strokes across the face, or a scratched photograph. */
function scribble(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const fabric = plain(anyColour(random));
  const lines = 1 + random.integer(4);
  for (let i = 0; i < lines; i++) {
    const points = Array.from({ length: 4 + random.integer(6) }, () =>
      frame.place(random.uniform(-1.1, 1.1), random.uniform(-0.3, 1.1)),
    );
    put(canvas, stroke(curve(points), Math.max(1, frame.width * random.uniform(0.008, 0.04))), {
      fabric,
      relief: 0,
      grain: 3,
    });
  }
}

/** A small bar or square of one colour: tape, a censor bar, a badge. */
function patch(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const centre = frame.place(random.uniform(-0.3, 0.3), random.uniform(frame.nose, 1));
  const [w, h, a] = [
    frame.width * random.uniform(0.1, 0.3),
    frame.height * random.uniform(0.03, 0.12),
    random.normal() * 0.25,
  ];
  const bar = stroke(
    [along(centre, [Math.cos(a), Math.sin(a)], -w), along(centre, [Math.cos(a), Math.sin(a)], w)],
    h * 2,
  );
  put(canvas, bar, { fabric: cloth(random, anyColour(random)), relief: 0.2, grain: 4 });
}

/** A caption: a bar across the lower edge or the forehead with marks like letters. */
function banner(canvas: Canvas, random: Random): void {
  const { width, height } = canvas;
  const tall = height * random.uniform(0.05, 0.1);
  const top = random.uniform() < 0.6 ? height - tall * random.uniform(1, 1.6) : random.uniform(0, height * 0.1);
  const bar = (x0: number, y0: number, x1: number, y1: number): Point[] => [
    [x0, y0],
    [x1, y0],
    [x1, y1],
    [x0, y1],
  ];
  const ink = plain(random.uniform() < 0.5 ? [250, 250, 250] : anyColour(random));
  if (random.uniform() < 0.6)
    put(canvas, bar(0, top, width, top + tall), {
      fabric: plain(anyColour(random)),
      relief: 0,
      opacity: random.uniform(0.5, 1),
    });
  let x = random.uniform(0.02, 0.3) * width;
  const end = random.uniform(0.5, 0.98) * width;
  while (x < end) {
    const letter = tall * random.uniform(0.15, 0.5);
    if (random.uniform() < 0.85) {
      const rise = random.uniform(0.2, 0.45);
      put(
        canvas,
        bar(x, top + tall * (0.65 - rise), x + letter * 0.3, top + tall * 0.75),
        { fabric: ink, relief: 0, grain: 0 },
        0,
      );
      put(canvas, bar(x, top + tall * 0.5, x + letter, top + tall * 0.6), { fabric: ink, relief: 0, grain: 0 }, 0);
    }
    x += letter * 1.3;
  }
}
