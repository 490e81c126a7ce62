import type { Random } from "../tensor/random.ts";
import type { Canvas } from "./brush.ts";
import { type Colour, pick, plain } from "./fabric.ts";
import type { FaceFrame } from "./face-geometry.ts";
import { type Cut, type Design, respirator, sewn, stretch, surgical, tube } from "./mask-designs.ts";
import { curve, ellipse, fill, type Point, stroke } from "./raster.ts";
import { castShadow, lay } from "./scene-light.ts";

/**
 * Draw one mask over nose, mouth and chin: surgical (pleats, ear loops), respirator (cup or fold, straps, valve),
 * plain dark stretch cloth, printed cloth, or a tube scarf pulled over the nose. `drop` > 0 moves it down by that
 * share of eyes–chin: a mask worn below the mouth.
 */
export function drawMask(canvas: Canvas, random: Random, drop = 0): void {
  const design = pick(random, [
    [45, surgical],
    [14, respirator],
    [20, stretch],
    [19, sewn],
    [4, drop > 0 ? surgical : tube],
  ])(random);
  const { frame, light } = canvas;
  const soft = 0.35 + light.blur * 0.6 + random.uniform(0, 0.008) * frame.width;
  const outline = outlineOf(frame, lowered(design.cut, drop), random);
  if (design.loops) drawLoops(canvas, design, drop, random, soft);
  const shadow = outline.map(([x, y]): Point => [x, y + frame.height * random.uniform(0.01, 0.02)]);
  castShadow(canvas.data, canvas, shadow, frame.width * 0.05, random.uniform(0.15, 0.4));
  const cover = fill(outline, canvas.width, canvas.height, soft);
  lay(canvas.data, canvas, cover, frame, light, design.coat);
  if (design.trim) drawTrim(canvas, outline, design.trim, soft);
  if (design.valve) drawValve(canvas, drop, random, soft);
}

const lowered = (cut: Cut, drop: number): Cut => ({
  ...cut,
  bridge: cut.bridge + drop,
  shoulder: cut.shoulder + drop * 0.95,
  cheek: cut.cheek + drop * 0.9,
  corner: cut.corner + drop * 0.6,
  bottom: cut.bottom + drop * 0.55,
});

/** The closed outline in pixels: top edge over the nose, side, below the chin, side. Every corner is moved a little. */
function outlineOf(frame: FaceFrame, cut: Cut, random: Random): Point[] {
  const j = (by: number) => random.normal() * by;
  const lean = j(0.025);
  const point = (u: number, v: number) => frame.place(u + j(0.012), v + lean * u + j(0.008));
  const side = (sign: 1 | -1) => ({
    upper: point(sign * cut.upperWidth, cut.cheek),
    lower: point(sign * cut.lowerWidth, cut.corner),
  });
  const [l, r] = [side(-1), side(1)];
  const top = curve([
    l.upper,
    point(-0.45, cut.shoulder),
    point(-0.13, cut.bridge + 0.02),
    point(0, cut.bridge),
    point(0.13, cut.bridge + 0.02),
    point(0.45, cut.shoulder),
    r.upper,
  ]);
  const waist = (cut.cheek + cut.corner) / 2;
  const bulge = Math.max(cut.upperWidth, cut.lowerWidth) * 0.99;
  const rightSide = curve([r.upper, point(bulge, waist), r.lower], 4);
  const below = (cut.corner + cut.bottom) / 2 + 0.03;
  const bottom = curve([
    r.lower,
    point(0.55 * cut.lowerWidth, Math.max(below, cut.bottom - 0.05)),
    point(0, cut.bottom),
    point(-0.55 * cut.lowerWidth, Math.max(below, cut.bottom - 0.05)),
    l.lower,
  ]);
  return [...top, ...rightSide, ...bottom, ...curve([l.lower, point(-bulge, waist), l.upper], 4)];
}

/** Loops around the ears, or bands to the back of the head: a shadow line and the cord. */
function drawLoops(canvas: Canvas, design: Design, drop: number, random: Random, soft: number): void {
  const { frame } = canvas;
  const { cut } = design;
  const width = Math.max(0.8, design.loopWidth * frame.width);
  const ear = random.uniform(1.08, 1.22);
  for (const sign of [-1, 1]) {
    const from = frame.place(sign * cut.upperWidth * 0.97, cut.cheek + 0.9 * drop + 0.02);
    const low = frame.place(sign * cut.lowerWidth * 0.96, cut.corner + 0.6 * drop - 0.02);
    const ends: Point[][] = design.headbands
      ? [
          [from, frame.place(sign * 1.08, 0.16)],
          [low, frame.place(sign * 1.1, 0.58)],
        ]
      : [
          curve(
            [from, frame.place(sign * ear, 0.12 + 0.2 * drop), frame.place(sign * ear * 1.03, 0.3 + 0.3 * drop), low],
            5,
          ),
        ];
    for (const line of ends) {
      const cord = fill(stroke(line, width, width * 0.8), canvas.width, canvas.height, soft * 0.7);
      if (width > 2) castShadow(canvas.data, canvas, stroke(line, width * 1.5), width * 0.8, 0.2);
      lay(canvas.data, canvas, cord, frame, canvas.light, { fabric: plain(design.loops!), grain: 3 });
    }
  }
}

function drawTrim(canvas: Canvas, outline: readonly Point[], colour: Colour, soft: number): void {
  const edge = fill(
    stroke([...outline, outline[0]!], Math.max(1, canvas.frame.width * 0.022)),
    canvas.width,
    canvas.height,
    soft,
  );
  lay(canvas.data, canvas, edge, canvas.frame, canvas.light, { fabric: plain(colour), grain: 4 });
}

function drawValve(canvas: Canvas, drop: number, random: Random, soft: number): void {
  const { frame } = canvas;
  const centre = frame.place(random.uniform(-0.35, 0.35), random.uniform(0.58, 0.75) + drop);
  const size = frame.width * random.uniform(0.06, 0.1);
  const dim = random.uniform(120, 225);
  for (const [scale, level] of [
    [1, dim],
    [0.75, dim * 0.85],
    [0.4, dim * 1.05],
  ] as const) {
    const disc = fill(ellipse(centre, size * scale, size * 0.85 * scale), canvas.width, canvas.height, soft);
    lay(canvas.data, canvas, disc, frame, canvas.light, { fabric: plain([level, level, level]), grain: 4 });
  }
}
