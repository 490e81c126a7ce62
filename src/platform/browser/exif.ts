import type { Pixels } from "../../tensor/pixels.ts";

const ORIENTATION = 0x0112; // tag of TIFF 6.0
const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APP1 = 0xe1;

/** Segments of a JPEG file up to its first scan: marker, and where their content lies. */
function* segments(view: DataView): Generator<{ marker: number; start: number; end: number }> {
  let at = 2;
  while (at + 4 <= view.byteLength) {
    const marker = view.getUint8(at) === 0xff ? view.getUint8(at + 1) : 0;
    if (marker === 0 || marker === 0xff) {
      at++; // libjpeg looks for the next marker byte by byte
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    yield { marker, start: at + 4, end };
    if (marker === START_OF_SCAN) return;
    at = end;
  }
}

/** Whether a JPEG file has no end marker after its first scan: libjpeg then paints what is missing grey. */
export function endsEarly(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scan = [...segments(view)].find(({ marker }) => marker === START_OF_SCAN);
  if (!scan) return true;
  for (let at = bytes.length - 2; at >= scan.end; at--) {
    if (bytes[at] === 0xff && bytes[at + 1] === END_OF_IMAGE) return false;
  }
  return true;
}

/** The EXIF orientation of a JPEG file, 1 to 8; 1 where it says none. @see EXIF 2.32, 4.6.4 */
export function orientationOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { marker, start, end } of segments(view)) {
    if (marker !== APP1 || end > view.byteLength || end - start < 14) continue;
    if (view.getUint32(start) === 0x45786966) return tagOf(view, start + 6, end); // "Exif", then two zeros
  }
  return 1;
}

/** The orientation in the first directory of a TIFF structure at `tiff`. */
function tagOf(view: DataView, tiff: number, end: number): number {
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  if (directory + 2 > end) return 1;
  const count = view.getUint16(directory, little);
  for (let i = 0; i < count; i++) {
    const entry = directory + 2 + 12 * i;
    if (entry + 12 > end) return 1;
    if (view.getUint16(entry, little) !== ORIENTATION) continue;
    const value = view.getUint16(entry + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** Pixels turned and mirrored as an orientation asks for. */
export function oriented({ width, height, data }: Pixels, orientation: number): Pixels {
  if (orientation === 1) return { width, height, data };
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  const mirrorX = [2, 3, 7, 8].includes(orientation); // in the stored picture's own axes
  const mirrorY = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < h; y++) {
    for (let x = 0; x < w; x++, to += 3) {
      const [a, b] = turned ? [y, x] : [x, y];
      const from = 3 * ((mirrorY ? height - 1 - b : b) * width + (mirrorX ? width - 1 - a : a));
      out[to] = data[from]!;
      out[to + 1] = data[from + 1]!;
      out[to + 2] = data[from + 2]!;
    }
  }
  return { width: w, height: h, data: out };
}
