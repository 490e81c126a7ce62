import type { Pixels } from "../tensor/pixels.ts";
import type { Random } from "../tensor/random.ts";
import type { Canvas } from "./brush.ts";
import { pick } from "./fabric.ts";
import { type FaceGeometry, faceFrame } from "./face-geometry.ts";
import { drawMask } from "./face-mask.ts";
import { LOWER, UPPER } from "./occluders.ts";
import { sceneLight } from "./scene-light.ts";

export type { FaceGeometry } from "./face-geometry.ts";

/** A copy of `pixels` to draw on, with the face in it and the light on it. */
function canvasOf(pixels: Pixels, geometry: FaceGeometry, random: Random): Canvas {
  const frame = faceFrame(geometry, pixels.width, pixels.height, random);
  return { ...pixels, data: pixels.data.slice(), frame, light: sceneLight(pixels, frame) };
}

/**
 * Paint a face mask of a random kind, colour and fit onto a bare face. The picture's own light, tint, softness and
 * lack of colour carry over to the mask.
 * @returns a new picture of the same size (H W C, 0–255)
 */
export function paintMask(pixels: Pixels, geometry: FaceGeometry, random: Random): Pixels {
  const canvas = canvasOf(pixels, geometry, random);
  drawMask(canvas, random);
  return { width: pixels.width, height: pixels.height, data: canvas.data };
}

/**
 * Paint something that is no face mask: with `where` `"anywhere"` mostly over or below the mouth (hand, fist, scarf,
 * beard, a mask pulled under the chin, microphone, cup, telephone, tape, scribbles), else only what leaves nose and
 * mouth alone (sunglasses, hat, caption), which suits masked faces too.
 * @returns a new picture of the same size (H W C, 0–255)
 */
export function paintOccluder(
  pixels: Pixels,
  geometry: FaceGeometry,
  random: Random,
  where: "anywhere" | "upper" = "anywhere",
): Pixels {
  const canvas = canvasOf(pixels, geometry, random);
  const lower = where === "anywhere" && random.uniform() < 0.8;
  pick(random, lower ? LOWER : UPPER)(canvas, random);
  return { width: pixels.width, height: pixels.height, data: canvas.data };
}
