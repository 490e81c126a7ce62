import type { Pixels } from "../tensor/pixels.ts";
import type { Random } from "../tensor/random.ts";
import { type Fabric, smoothNoise, vary } from "./fabric.ts";
import type { FaceFrame } from "./face-geometry.ts";
import { type Coverage, fill, type Point } from "./raster.ts";
import { type Coat, castShadow, lay, type SceneLight } from "./scene-light.ts";

/** A picture being painted (`data` is changed in place), the face in it and the light on it. */
export interface Canvas extends Pixels {
  readonly frame: FaceFrame;
  readonly light: SceneLight;
}

const soft = ({ light }: Canvas) => 0.4 + light.blur * 0.6;

/** Fills a polygon with a fabric, softly at its edge; returns what it covers. */
export function put(canvas: Canvas, points: readonly Point[], coat: Coat, feather = soft(canvas)): Coverage {
  const cover = fill(points, canvas.width, canvas.height, feather);
  lay(canvas.data, canvas, cover, canvas.frame, canvas.light, coat);
  return cover;
}

/** Darkens what lies just below a polygon, as if it stood off the face a little. */
export function shadow(canvas: Canvas, points: readonly Point[], strength: number): void {
  const reach = canvas.frame.width * 0.04;
  const moved = points.map(([x, y]): Point => [x, y + reach * 0.6]);
  castShadow(canvas.data, canvas, moved, reach * 1.5, strength);
}

/** Skin like the face's own, or a little lighter or darker. */
export function skin(canvas: Canvas, random: Random): Fabric {
  const scale = random.uniform(0.8, 1.12);
  const tone = vary(random, canvas.light.skin.map((c) => Math.min(250, c * scale)) as [number, number, number], 7);
  const seed = random.bits() | 0;
  return (u, v, out) => {
    const mottle = 0.92 + 0.16 * smoothNoise(u * 6, v * 6, seed);
    for (let c = 0; c < 3; c++) out[c] = tone[c]! * mottle;
  };
}

/** The point so far from another in a direction. */
export const along = ([x, y]: Point, direction: Point, by: number): Point => [
  x + direction[0] * by,
  y + direction[1] * by,
];

/** A point at (u, v) that does not follow the taper of the jaw. */
export function flat({ frame }: Canvas, u: number, v: number): Point {
  const [ox, oy] = frame.origin;
  return [ox + frame.across[0] * u + frame.down[0] * v, oy + frame.across[1] * u + frame.down[1] * v];
}
