/** Hands, and what hands hold before a face. */
import type { Random } from "../tensor/random.ts";
import { along, type Canvas, put, shadow, skin } from "./brush.ts";
import { anyColour, type Colour, cloth, pick, plain, vary } from "./fabric.ts";
import { closedCurve, curve, ellipse, type Point, stroke } from "./raster.ts";
import { type Coat, castShadow } from "./scene-light.ts";

/** Three to five fingers and the back of a hand across the mouth, from below or from one side. */
export function hand(canvas: Canvas, random: Random): void {
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
export function fist(canvas: Canvas, random: Random): void {
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

/** A ball of mesh or foam before the mouth, on a stick. */
export function microphone(canvas: Canvas, random: Random): void {
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
export function cup(canvas: Canvas, random: Random): void {
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
export function phone(canvas: Canvas, random: Random): void {
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
