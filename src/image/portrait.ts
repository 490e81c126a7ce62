import type { Pixels } from "../tensor/pixels.ts";
import type { Random } from "../tensor/random.ts";
import { anyColour, type Colour, cloth, type Fabric, pick, plain, smoothNoise, vary } from "./fabric.ts";
import type { FaceGeometry } from "./face-geometry.ts";
import { closedCurve, curve, ellipse, fill, type Point } from "./raster.ts";
import { emptyScene, type ZoomOut } from "./zoom-out.ts";

/** A head in a scene, in pixels. */
interface Head {
  readonly x: number;
  readonly eyes: number;
  readonly chin: number;
  /** Half the width of the face. */
  readonly half: number;
}

type Scene = Pixels & { readonly random: Random };

/**
 * Step back from a tight picture of a face until head and shoulders are seen: the face, cut out softly along the head,
 * over a neck, clothes and hair that are made up, before a made-up ground or strips of photographs. The face is 1/s as large, ln s uniform in
 * [ln 1.3, ln maxScale], in the upper half of the picture.
 * @returns a picture of about the same aspect (H W C, 0–255)
 */
export function portrait(pixels: Pixels, face: FaceGeometry, random: Random, options: ZoomOut): Pixels {
  const scale = Math.exp(random.uniform(Math.log(1.3), Math.log(Math.max(1.3, options.maxScale))));
  const sideways = (0.5 + 0.2 * random.normal()) * (1 - 1 / scale);
  const downwards = random.uniform(0, 0.5) * (1 - 1 / scale);
  const { scene, inner, left, top } = emptyScene(pixels, random, scale, [sideways, downwards], {
    ...options,
    mirrors: false,
  });
  const at = ([x, y]: Point): Point => [left + x * inner.width, top + y * inner.height];
  const [leftCheek, rightCheek, chin] = [at(face.leftCheek), at(face.rightCheek), at(face.chin)];
  const head: Head = {
    x: (leftCheek[0] + rightCheek[0]) / 2,
    eyes: (at(face.leftEye)[1] + at(face.rightEye)[1]) / 2,
    chin: chin[1],
    half: Math.max(1, (rightCheek[0] - leftCheek[0]) / 2),
  };
  const canvas: Scene = { ...scene, random };
  const hair = hairColour(random);
  if (random.uniform() < 0.5) paintLongHair(canvas, head, hair);
  paintBody(canvas, head, skinOf(inner, face, random));
  if (random.uniform() < 0.75) paintHair(canvas, head, hair);
  pasteHead(canvas, head, inner, left, top);
  return scene;
}

/** Skin between and above the eyes, where no mask lies. */
function skinOf(inner: Pixels, { leftEye, rightEye, noseTip }: FaceGeometry, random: Random): Colour {
  const brow = Math.max(0.02, leftEye[1] - 0.3 * (noseTip[1] - leftEye[1]));
  const x = Math.min(inner.width - 1, Math.max(0, Math.round(((leftEye[0] + rightEye[0]) / 2) * inner.width)));
  const y = Math.min(inner.height - 1, Math.max(0, Math.round(brow * inner.height)));
  const from = (y * inner.width + x) * 3;
  const shade = random.uniform(0.75, 1);
  return [inner.data[from]! * shade, inner.data[from + 1]! * shade, inner.data[from + 2]! * shade];
}

const hairColour = (random: Random): Colour =>
  vary(
    random,
    pick<Colour>(random, [
      [4, [28, 24, 22]],
      [3, [70, 48, 36]],
      [1.5, [165, 130, 85]],
      [1, [150, 148, 145]],
      [0.7, [110, 50, 30]],
      [0.7, anyColour(random)], // hats and scarves
    ]),
    18,
  );

/** Fill a shape, with light and shade in broad patches. */
function paint(scene: Scene, points: readonly Point[], fabric: Fabric, { x, eyes, half }: Head, feather: number): void {
  const { data, width, height, random } = scene;
  const cover = fill(points, width, height, feather);
  const colour = new Float32Array(3);
  const [seed, depth] = [random.bits() | 0, random.uniform(0.1, 0.5)];
  for (let row = 0, i = 0; row < cover.height; row++) {
    for (let column = 0; column < cover.width; column++, i++) {
      const alpha = cover.alpha[i]!;
      if (alpha === 0) continue;
      const [px, py] = [cover.x + column, cover.y + row];
      const [u, v] = [(px - x) / half, (py - eyes) / half];
      fabric(u / 4, v / 4, colour);
      const light = 1 + depth * (smoothNoise(u * 1.5, v * 1.5, seed) - 0.5);
      const to = (py * width + px) * 3;
      for (let c = 0; c < 3; c++) {
        const painted = Math.min(255, colour[c]! * light);
        data[to + c] = data[to + c]! * (1 - alpha) + painted * alpha + 0.5;
      }
    }
  }
}

function paintLongHair(scene: Scene, head: Head, colour: Colour): void {
  const { random } = scene;
  const side = head.half * random.uniform(1.1, 1.6);
  const end = head.chin + head.half * random.uniform(-0.2, 1.6);
  const outline: Point[] = [
    [head.x - side * 0.7, head.eyes - head.half],
    [head.x + side * 0.7, head.eyes - head.half],
    [head.x + side, head.chin - head.half * 0.4],
    [head.x + side * 0.9, end],
    [head.x - side * 0.9, end],
    [head.x - side, head.chin - head.half * 0.4],
  ];
  paint(scene, closedCurve(outline), plain(colour), head, head.half * 0.05);
}

/** Neck, shoulders down to the lower edge, and sometimes an open collar. */
function paintBody(scene: Scene, head: Head, skin: Colour): void {
  const { random, height } = scene;
  const neck = head.half * random.uniform(0.5, 0.75);
  const shoulder = head.chin + head.half * random.uniform(0.15, 0.8);
  const reach = head.half * random.uniform(1.9, 3.4);
  const tilt = head.half * random.normal() * 0.12;
  const [left, right, low] = [head.x - neck, head.x + neck, shoulder + head.half * random.uniform(0.3, 0.9)];
  const throat: Point[] = [
    [left, head.eyes],
    [right, head.eyes],
    [right, low],
    [head.x, low + neck * 0.6],
    [left, low],
  ];
  const clothes = cloth(random, anyColour(random));
  const bottom = Math.max(height, low) + head.half;
  const outline: Point[] = [
    ...curve([
      [head.x - reach, bottom],
      [head.x - reach * 0.95, low + head.half * 0.6],
      [head.x - reach * 0.6, shoulder + head.half * 0.35 + tilt],
      [left, shoulder + tilt],
    ]),
    [head.x, shoulder + head.half * random.uniform(0, 1.1)],
    ...curve([
      [right, shoulder - tilt],
      [head.x + reach * 0.6, shoulder + head.half * 0.35 - tilt],
      [head.x + reach * 0.95, low + head.half * 0.6],
      [head.x + reach, bottom],
    ]),
  ];
  paint(scene, throat, plain(skin), head, head.half * 0.04);
  paint(scene, outline, clothes, head, head.half * 0.03);
}

function paintHair(scene: Scene, head: Head, colour: Colour): void {
  const { random } = scene;
  const centre: Point = [head.x, head.eyes - head.half * random.uniform(0, 0.35)];
  const cap = ellipse(centre, head.half * random.uniform(1.05, 1.4), head.half * random.uniform(1.15, 1.6));
  paint(scene, cap, plain(colour), head, head.half * 0.06);
}

/** The picture where the head is in it, softly cut along forehead, temples and jaw. */
function pasteHead(scene: Scene, head: Head, inner: Pixels, left: number, top: number): void {
  const { random, data, width, height } = scene;
  const { x, eyes, chin, half } = head;
  const [wide, jaw] = [half * random.uniform(1, 1.2), chin + half * random.uniform(0, 0.12)];
  const crown = eyes - half * random.uniform(0.9, 1.4);
  const outline: Point[] = [
    [x, crown],
    [x + wide * 0.75, crown + half * 0.3],
    [x + wide, eyes],
    [x + wide * 0.9, eyes + (jaw - eyes) * 0.55],
    [x + wide * 0.5, eyes + (jaw - eyes) * 0.9],
    [x, jaw],
    [x - wide * 0.5, eyes + (jaw - eyes) * 0.9],
    [x - wide * 0.9, eyes + (jaw - eyes) * 0.55],
    [x - wide, eyes],
    [x - wide * 0.75, crown + half * 0.3],
  ];
  const cover = fill(closedCurve(outline), width, height, half * random.uniform(0.04, 0.16));
  for (let row = 0, i = 0; row < cover.height; row++) {
    const y = cover.y + row - top;
    for (let column = 0; column < cover.width; column++, i++) {
      const ix = cover.x + column - left;
      if (y < 0 || y >= inner.height || ix < 0 || ix >= inner.width) continue;
      const alpha = cover.alpha[i]!;
      const [from, to] = [(y * inner.width + ix) * 3, ((cover.y + row) * width + cover.x + column) * 3];
      for (let c = 0; c < 3; c++) data[to + c] = data[to + c]! * (1 - alpha) + inner.data[from + c]! * alpha + 0.5;
    }
  }
}
