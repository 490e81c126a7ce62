import type { Random } from "../tensor/random.ts";
import type { Point } from "./raster.ts";

/**
 * Where a face lies in pictures of one aligned source. Points are relative to the picture (0–1 to the right, 0–1
 * down); left and right are the viewer's.
 */
export interface FaceGeometry {
  readonly leftEye: Point;
  readonly rightEye: Point;
  readonly noseTip: Point;
  readonly mouth: Point;
  readonly chin: Point;
  /** Where the face ends at the height of the nose tip. */
  readonly leftCheek: Point;
  readonly rightCheek: Point;
  /** Standard deviation of the points within the source, as a share of the picture. */
  readonly spread: number;
}

/**
 * Coordinates on one face: `u` runs from −1 (left cheek) over 0 (the line eyes–nose–mouth–chin) to 1 (right cheek)
 * and follows the jaw, `v` from 0 (eyes) to 1 (chin). Both may go beyond.
 */
export interface FaceFrame {
  /** From face coordinates to pixels. */
  place(u: number, v: number): Point;
  /** From pixels to face coordinates, without the jaw's taper: cheap, for patterns. */
  readonly origin: Point;
  readonly across: Point;
  readonly down: Point;
  /** `v` of the nose tip and of the mouth. */
  readonly nose: number;
  readonly lips: number;
  /** Pixels from cheek to cheek, and from the eyes to the chin. */
  readonly width: number;
  readonly height: number;
}

/** The frame of a face in a picture of `width` × `height` px, shifted, scaled and tilted at random by `jitter` spreads. */
export function faceFrame(geometry: FaceGeometry, width: number, height: number, random: Random, jitter = 0.5) {
  const sway = geometry.spread * jitter;
  const [shiftX, shiftY, tilt] = [random.normal() * sway, random.normal() * sway, random.normal() * sway];
  const zoom = 1 + random.normal() * sway;
  const [cx, cy] = geometry.noseTip;
  const at = ([x, y]: Point): Point => {
    const [dx, dy] = [(x - cx) * zoom, (y - cy) * zoom];
    return [(cx + dx - dy * tilt + shiftX) * width, (cy + dy + dx * tilt + shiftY) * height];
  };
  return frameOf({
    ...geometry,
    leftEye: at(geometry.leftEye),
    rightEye: at(geometry.rightEye),
    noseTip: at(geometry.noseTip),
    mouth: at(geometry.mouth),
    chin: at(geometry.chin),
    leftCheek: at(geometry.leftCheek),
    rightCheek: at(geometry.rightCheek),
  });
}

const mix = (a: Point, b: Point, t: number): Point => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];

function frameOf(points: FaceGeometry): FaceFrame {
  const eyes = mix(points.leftEye, points.rightEye, 0.5);
  const { noseTip, mouth, chin, leftCheek, rightCheek } = points;
  const down: Point = [chin[0] - eyes[0], chin[1] - eyes[1]];
  const height = Math.hypot(...down) || 1;
  const along = (p: Point) => ((p[0] - eyes[0]) * down[0] + (p[1] - eyes[1]) * down[1]) / (height * height);
  const [nose, lips] = [along(noseTip), along(mouth)];
  const line: readonly (readonly [number, Point])[] = [
    [0, eyes],
    [nose, noseTip],
    [lips, mouth],
    [1, chin],
  ];
  const centre = (v: number): Point => {
    let i = 0;
    while (i < 2 && v > line[i + 1]![0]) i++;
    const [v0, p] = line[i]!;
    const [v1, q] = line[i + 1]!;
    return mix(p, q, (v - v0) / (v1 - v0 || 1));
  };
  const across: Point = [(rightCheek[0] - leftCheek[0]) / 2, (rightCheek[1] - leftCheek[1]) / 2];
  const left: Point = [noseTip[0] - leftCheek[0], noseTip[1] - leftCheek[1]];
  const right: Point = [rightCheek[0] - noseTip[0], rightCheek[1] - noseTip[1]];
  const place = (u: number, v: number): Point => {
    const c = centre(v);
    const side = u < 0 ? left : right;
    const w = u * jaw(v);
    return [c[0] + side[0] * w, c[1] + side[1] * w];
  };
  return { place, origin: eyes, across, down, nose, lips, width: 2 * Math.hypot(...across), height };
}

/** Half width of a face at height `v`, as a share of that at the nose: cheeks straight, jaw rounded to the chin, neck straight. */
function jaw(v: number): number {
  if (v < 0.45) return 1;
  const t = Math.min(1, (v - 0.45) / 0.55);
  return 1 - 0.42 * t * t;
}
