import type { Random } from "../tensor/random.ts";
import { anyColour, type Colour, cloth, type Fabric, pick, plain, smoothNoise, vary } from "./fabric.ts";
import { type Canvas, drawMask } from "./face-mask.ts";
import { type Coverage, closedCurve, curve, ellipse, fill, type Point, stroke } from "./raster.ts";
import { type Coat, castShadow, lay } from "./scene-light.ts";

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

const soft = ({ light }: Canvas) => 0.4 + light.blur * 0.6;

function put(canvas: Canvas, points: readonly Point[], coat: Coat, feather = soft(canvas)): Coverage {
  const cover = fill(points, canvas.width, canvas.height, feather);
  lay(canvas.data, canvas, cover, canvas.frame, canvas.light, coat);
  return cover;
}

function shadow(canvas: Canvas, points: readonly Point[], strength: number): void {
  const reach = canvas.frame.width * 0.04;
  const moved = points.map(([x, y]): Point => [x, y + reach * 0.6]);
  castShadow(canvas.data, canvas, moved, reach * 1.5, strength);
}

/** Skin like the face's own, or a little lighter or darker. */
function skin(canvas: Canvas, random: Random): Fabric {
  const scale = random.uniform(0.8, 1.12);
  const tone = vary(random, canvas.light.skin.map((c) => Math.min(250, c * scale)) as [number, number, number], 7);
  const seed = random.bits() | 0;
  return (u, v, out) => {
    const mottle = 0.92 + 0.16 * smoothNoise(u * 6, v * 6, seed);
    for (let c = 0; c < 3; c++) out[c] = tone[c]! * mottle;
  };
}

/** Three to five fingers and the back of a hand across the mouth, from below or from one side. */
function hand(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const fabric = skin(canvas, random);
  const tip = frame.place(random.uniform(-0.35, 0.35), random.uniform(frame.nose - 0.12, frame.lips + 0.06));
  const angle = random.uniform(-1.5, 1.5); // 0: fingers point up
  const axis: Point = [Math.sin(angle), -Math.cos(angle)];
  const normal: Point = [-axis[1], axis[0]];
  const thick = frame.width * random.uniform(0.12, 0.2);
  const fingers = 3 + random.integer(3);
  const length = thick * random.uniform(3, 4.4);
  const coat = { fabric, relief: 0.35, grain: 5, asIs: true };
  const palm = along(tip, axis, -length * 0.95);
  const back = closedCurve([
    along(palm, normal, -thick * fingers * 0.52),
    along(along(palm, axis, thick * 0.5), normal, 0),
    along(palm, normal, thick * fingers * 0.52),
    along(along(palm, axis, -length * 3.5), normal, thick * fingers * 0.38),
    along(along(palm, axis, -length * 3.5), normal, -thick * fingers * 0.38),
  ]);
  shadow(canvas, back, 0.3);
  put(canvas, back, coat);
  for (let i = 0; i < fingers; i++) {
    const offset = (i - (fingers - 1) / 2) * thick * random.uniform(0.92, 1.05);
    const reach = length * (1 - 0.12 * Math.abs(i - (fingers - 1) / 2)) * random.uniform(0.9, 1.05);
    const root = along(palm, normal, offset);
    finger(canvas, root, along(root, axis, reach), thick, coat, random);
  }
}

const along = ([x, y]: Point, direction: Point, by: number): Point => [x + direction[0] * by, y + direction[1] * by];

/** One finger: a shadow, a rounded bar with a darker edge, perhaps a nail. */
function finger(canvas: Canvas, root: Point, tip: Point, thick: number, coat: Coat, random: Random): void {
  const line = curve([root, [(root[0] + tip[0]) / 2 + random.normal() * thick * 0.1, (root[1] + tip[1]) / 2], tip], 3);
  const shape = [...stroke(line, thick * 1.05, thick * 0.8)];
  const end = ellipse(tip, thick * 0.42, thick * 0.42);
  castShadow(canvas.data, canvas, stroke(line, thick * 1.3), thick * 0.25, 0.35);
  put(canvas, shape, coat);
  put(canvas, end, coat);
  put(canvas, stroke(line, thick * 0.4), { ...coat, fabric: plain([255, 240, 230]), opacity: 0.1 }, thick * 0.2);
  if (random.uniform() < 0.5)
    put(canvas, ellipse(tip, thick * 0.22, thick * 0.26), {
      ...coat,
      fabric: plain(vary(random, [225, 180, 170], 25)),
      opacity: 0.6,
    });
}

/** A fist or the heel of a hand under or over the chin. */
function fist(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const fabric = skin(canvas, random);
  const centre = frame.place(random.uniform(-0.6, 0.6), random.uniform(0.75, 1.1));
  const size = frame.width * random.uniform(0.2, 0.32);
  const shape = closedCurve(
    ellipse(centre, size, size * random.uniform(0.7, 1))
      .filter((_, i) => i % 3 === 0)
      .map(([x, y]): Point => [x + random.normal() * size * 0.06, y + random.normal() * size * 0.06]),
  );
  shadow(canvas, shape, 0.4);
  put(canvas, shape, { fabric, shade: () => 1, relief: 0.3, grain: 5, asIs: true });
  const arm = stroke([centre, along(centre, [random.uniform(-0.6, 0.6), 1], size * 4)], size * 1.3);
  put(canvas, arm, { fabric, relief: 0.3, asIs: true });
  for (let i = 0; i < 4; i++) {
    const x = centre[0] + (i - 1.5) * size * 0.42;
    const crease: Point[] = [
      [x, centre[1] - size * 0.7],
      [x + size * 0.04, centre[1] + size * 0.1],
    ];
    castShadow(canvas.data, canvas, stroke(crease, size * 0.06), size * 0.05, 0.35);
  }
}

/** A scarf or high collar around the neck: its top edge lies between the lower lip and below the chin. */
function scarf(canvas: Canvas, random: Random): void {
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

/** A point at (u, v) that does not follow the taper of the jaw. */
function flat({ frame }: Canvas, u: number, v: number): Point {
  const [ox, oy] = frame.origin;
  return [ox + frame.across[0] * u + frame.down[0] * v, oy + frame.across[1] * u + frame.down[1] * v];
}

/** Hair on jaw, chin and upper lip; the mouth stays free. */
function beard(canvas: Canvas, random: Random): void {
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
function chinMask(canvas: Canvas, random: Random): void {
  drawMask(canvas, random, random.uniform(0.56, 0.8));
}

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

/** A ball of mesh or foam before the mouth, on a stick. */
function microphone(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const centre = frame.place(random.uniform(-0.45, 0.45), random.uniform(frame.lips, 1.05));
  const size = frame.width * random.uniform(0.1, 0.2);
  const colour: Colour = pick(random, [
    [5, [38, 38, 40] as const],
    [2, [120, 122, 126] as const],
    [1, anyColour(random)],
  ]);
  const away: Point = [random.uniform(-1, 1), random.uniform(0.7, 1.6)];
  const stick = stroke([centre, along(centre, away, size * 8)], size * 0.8, size * 0.6);
  put(canvas, stick, { fabric: plain(vary(random, [45, 45, 48], 20)), relief: 0.2 });
  shadow(canvas, ellipse(centre, size, size), 0.3);
  const [ox, oy] = [(centre[0] - frame.origin[0]) / (frame.width / 2), (centre[1] - frame.origin[1]) / frame.height];
  const ball = (u: number, v: number) => 1.25 - 9 * ((u - ox + 0.06) ** 2 + (v - oy + 0.06) ** 2);
  put(canvas, ellipse(centre, size, size * random.uniform(0.95, 1.25)), {
    fabric: plain(colour),
    shade: ball,
    grain: 14,
    relief: 0.2,
  });
}

/** A cup or mug at the lips. */
function cup(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const rim = frame.place(random.uniform(-0.12, 0.12), frame.lips + random.uniform(-0.06, 0.08));
  const wide = frame.width * random.uniform(0.18, 0.3);
  const tall = wide * random.uniform(1.6, 2.6);
  const lean = random.uniform(-0.4, 0.4);
  const foot: Point = [rim[0] + tall * lean, rim[1] + tall];
  const side = random.uniform(-0.25, 0.25);
  const body: Point[] = [
    [rim[0] - wide, rim[1]],
    [rim[0] + wide, rim[1]],
    [foot[0] + wide * 0.75, foot[1]],
    [foot[0] - wide * 0.75, foot[1]],
  ];
  shadow(canvas, body, 0.35);
  const fabric = random.uniform() < 0.6 ? plain(vary(random, [236, 234, 230], 18)) : cloth(random, anyColour(random));
  put(canvas, body, { fabric, shade: (u) => 1 + side * u * 2 - 0.5 * u * u, relief: 0.2, grain: 4 });
  put(canvas, ellipse(rim, wide, wide * 0.22), { fabric, shade: () => 0.8, relief: 0.2 });
  if (random.uniform() < 0.6) {
    const coat = { fabric: skin(canvas, random), relief: 0.3, asIs: true };
    for (let i = 0; i < 4; i++) {
      const y = rim[1] + tall * (0.25 + 0.17 * i);
      const x = rim[0] + (y - rim[1]) * lean;
      finger(canvas, [x + wide * 1.5, y], [x - wide * random.uniform(0, 0.5), y], wide * 0.32, coat, random);
    }
  }
}

/** A telephone or card held before the lower face or the cheek. */
function phone(canvas: Canvas, random: Random): void {
  const { frame } = canvas;
  const centre = frame.place(random.uniform(-0.9, 0.9), random.uniform(0.45, 1));
  const [half, tall, angle] = [
    frame.width * random.uniform(0.14, 0.2),
    frame.height * random.uniform(0.35, 0.5),
    random.uniform(-0.7, 0.7),
  ];
  const corner = (sx: number, sy: number): Point => {
    const [x, y] = [sx * half, sy * tall];
    return [
      centre[0] + x * Math.cos(angle) - y * Math.sin(angle),
      centre[1] + x * Math.sin(angle) + y * Math.cos(angle),
    ];
  };
  const box = (s: number) => [corner(-s, -s), corner(s, -s), corner(s, s), corner(-s, s)];
  shadow(canvas, box(1), 0.35);
  put(canvas, box(1), {
    fabric: plain(
      pick(random, [
        [3, [28, 28, 30] as const],
        [2, [225, 225, 226] as const],
        [1, anyColour(random)],
      ]),
    ),
    relief: 0.1,
  });
  if (random.uniform() < 0.4) put(canvas, box(0.88), { fabric: cloth(random, anyColour(random)), relief: 0.1 });
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

/** Half a pair of sunglasses, nose to the left: across and down in lens widths. */
const LENS: readonly Point[] = [
  [-1, -0.5],
  [0, -0.62],
  [1.05, -0.5],
  [1, 0.25],
  [0.3, 0.72],
  [-0.6, 0.6],
];

function sunglasses(canvas: Canvas, random: Random): void {
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
function hat(canvas: Canvas, random: Random): void {
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
