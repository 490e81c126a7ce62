import { type Pixels, toRgb } from "../../tensor/pixels.ts";
import type { Drawable } from "../drawable.ts";

export type { Drawable } from "../drawable.ts";

/** Width and height of something drawable, in pixels of its content; undefined for other things. */
function sizeOf(image: unknown): [width: number, height: number] | undefined {
  const is = (name: string) => {
    const type = (globalThis as unknown as Record<string, (new () => object) | undefined>)[name];
    return type !== undefined && image instanceof type;
  };
  if (is("VideoFrame")) return [(image as VideoFrame).displayWidth, (image as VideoFrame).displayHeight];
  if (is("HTMLVideoElement")) return [(image as HTMLVideoElement).videoWidth, (image as HTMLVideoElement).videoHeight];
  if (is("HTMLImageElement"))
    return [(image as HTMLImageElement).naturalWidth, (image as HTMLImageElement).naturalHeight];
  if (is("ImageBitmap") || is("HTMLCanvasElement") || is("OffscreenCanvas")) {
    return [(image as ImageBitmap).width, (image as ImageBitmap).height];
  }
  return undefined;
}

/**
 * The pixels of something drawable as a canvas gives them (sRGB; colours under partial transparency may be off by a few
 * units, since a canvas keeps them multiplied by alpha); undefined for other things.
 */
export async function drawablePixels(image: unknown): Promise<Pixels | undefined> {
  const size = sizeOf(image);
  if (size === undefined) return undefined;
  const [width, height] = size;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" })!;
  context.drawImage(image as Drawable, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return toRgb({ width, height, channels: 4, data });
}
