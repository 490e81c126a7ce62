export type { Pixels } from "../tensor/pixels.ts";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole pixels inside a picture. */
export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}
