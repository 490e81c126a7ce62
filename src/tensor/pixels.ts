/** A picture on the host: 8-bit RGB, row-major height x width x 3, so `data.length` is `width * height * 3`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
