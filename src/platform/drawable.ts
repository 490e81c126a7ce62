import type { Pixels } from "../tensor/pixels.ts";

/** Browser classes by name, where a program's types have them; nothing elsewhere. */
type Global<Name extends string> = typeof globalThis extends Record<Name, { prototype: infer T }> ? T : never;

/** A picture that a browser holds: in a canvas, an element of the page, or as a frame of a video. */
export type Drawable =
  | Global<"ImageBitmap">
  | Global<"HTMLCanvasElement">
  | Global<"OffscreenCanvas">
  | Global<"HTMLImageElement">
  | Global<"HTMLVideoElement">
  | Global<"VideoFrame">;

/** The pixels of a {@link Drawable}; there are none outside browsers. */
export async function drawablePixels(_: unknown): Promise<Pixels | undefined> {
  return undefined;
}
