import { BeitError } from "./errors.ts";

// What a small file may make a decoder do, told from its structure before it is decoded; the same in Node and in browsers.

/** What a picture may cost. */
export interface DecodeLimits {
  /** Most width x height accepted; 100 million by default. */
  readonly maxPixels?: number;
}

export const MAX_PIXELS = 100_000_000; // 300 MB of RGB
const MAX_SIDE = 65_535; // JPEG's own; decoders work by rows, of which a narrow picture could have millions
const MAX_SCANNED = 1e10; // pixels x scans of a JPEG file; a progressive photograph has ten scans
const START_OF_SCAN = 0xda;
const MAX_DIRECTORIES = 1000; // of a TIFF file: all are read for the first

const millions = (pixels: number) => `${+(pixels / 1e6).toFixed(1)} megapixels`;

/** @throws BeitError `image/too-large` */
export function checkSize(width: number, height: number, maxPixels: number, name: string): void {
  if (Math.max(width, height) > MAX_SIDE) {
    throw new BeitError("image/too-large", `${name}: ${width} x ${height}: the limit of a side is ${MAX_SIDE} pixels`);
  }
  if (width * height <= maxPixels) return;
  const message = `${name}: ${width} x ${height} is ${millions(width * height)}, the limit is ${millions(maxPixels)}`;
  throw new BeitError("image/too-large", message);
}

/** A decoder goes over all pixels for every scan, however little that says. @throws BeitError `image/too-large` */
export function checkScans(
  bytes: Uint8Array,
  { width, height }: { width: number; height: number },
  name: string,
): void {
  const most = Math.ceil(MAX_SCANNED / (width * height));
  let scans = 0;
  for (let at = bytes.indexOf(0xff); at >= 0 && scans <= most; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === START_OF_SCAN) scans++;
  }
  if (scans <= most) return;
  throw new BeitError("image/too-large", `${name}: more than ${most} scans of ${width} x ${height} pixels`);
}

/**
 * PNG content without its texts, which nothing here reads: compressed, a few kilobytes become gigabytes.
 * @see PNG specification, third edition, 11.3.3
 */
export function withoutTexts(bytes: Uint8Array): Uint8Array {
  const view = viewOf(bytes);
  const parts: Uint8Array[] = [];
  let start = 0;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const type = textAt(bytes, at + 4, 4);
    const next = at + 12 + view.getUint32(at);
    if (type === "IDAT") break;
    if (["tEXt", "zTXt", "iTXt"].includes(type)) {
      parts.push(bytes.subarray(start, at));
      start = next;
    }
    at = next;
  }
  return parts.length === 0 ? bytes : concatenate([...parts, bytes.subarray(start)]);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @throws BeitError `image/too-large` for a TIFF file with a long chain of pages. @see TIFF 6.0, section 2 */
export function checkDirectories(bytes: Uint8Array, name: string): void {
  const view = viewOf(bytes);
  const little = bytes[0] === 0x49;
  let count = 0;
  for (let at = view.byteLength >= 8 ? view.getUint32(4, little) : 0; at !== 0 && at + 2 <= view.byteLength; ) {
    if (++count > MAX_DIRECTORIES) {
      throw new BeitError("image/too-large", `${name}: has more than ${MAX_DIRECTORIES} pages`);
    }
    const end = at + 2 + 12 * view.getUint16(at, little);
    at = end + 4 <= view.byteLength ? view.getUint32(end, little) : 0;
  }
}

/**
 * The pixels of an AVIF file are put together from pictures that its items refer to, each decoded every time it is named.
 * @throws BeitError `image/too-large` for more of them than the limit; damaged content is the decoder's to refuse
 * @see ISO/IEC 14496-12 (boxes, item references), 23008-12 (image grids, `ispe`)
 */
export function checkDerived(bytes: Uint8Array, maxPixels: number, name: string): void {
  const most = Math.max(...derivedPixels(bytes));
  if (most <= maxPixels) return;
  const message = `${name}: is put together from ${millions(most)}, the limit is ${millions(maxPixels)}`;
  throw new BeitError("image/too-large", message);
}

interface Box {
  readonly type: string;
  /** Of the body. */
  readonly from: number;
  readonly to: number;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const textAt = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** The boxes in a part of ISO base media content, up to the first damaged one. */
function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] {
  const view = viewOf(bytes);
  const found: Box[] = [];
  for (let at = from; at + 8 <= to; ) {
    const short = view.getUint32(at);
    const head = short === 1 ? 16 : 8;
    if (at + head > to) break;
    const size = short === 0 ? to - at : short === 1 ? Number(view.getBigUint64(at + 8)) : short;
    if (size < head || at + size > to) break;
    found.push({ type: textAt(bytes, at + 4, 4), from: at + head, to: at + size });
    at += size;
  }
  return found;
}

/** Of every item that is put together: the pixels that are decoded for it. */
function derivedPixels(bytes: Uint8Array): number[] {
  const inside = (boxes: readonly Box[], type: string, skip: number) =>
    boxes.flatMap((box) => (box.type === type ? boxesIn(bytes, box.from + skip, box.to) : []));
  const meta = inside(boxesIn(bytes, 0, bytes.length), "meta", 4);
  const properties = inside(meta, "iprp", 0);
  const areas = areasOf(bytes, inside(properties, "ipco", 0), properties);
  const parts = new Map<number, number[]>();
  for (const references of meta.filter(({ type }) => type === "iref")) {
    const wide = bytes[references.from] !== 0; // version 1: numbers of 32 bits
    for (const box of boxesIn(bytes, references.from + 4, references.to)) {
      const read = numbersIn(bytes, box);
      const item = read(wide ? 4 : 2);
      const count = Math.min(read(2), Math.floor((box.to - box.from) / (wide ? 4 : 2))); // no more than the box holds
      if (box.type === "dimg")
        parts.set(
          item,
          Array.from({ length: count }, () => read(wide ? 4 : 2)),
        );
    }
  }
  const known = new Map<number, number>();
  const cost = (item: number): number => {
    const before = known.get(item);
    if (before !== undefined) return before;
    known.set(item, Number.POSITIVE_INFINITY); // of a part that is put together from its whole
    const total = parts.get(item)?.reduce((sum, part) => sum + cost(part), 0) ?? areas.get(item) ?? 0;
    known.set(item, total);
    return total;
  };
  return [0, ...[...parts.keys()].map(cost)];
}

/** Width x height by item, where that is told. */
function areasOf(bytes: Uint8Array, properties: readonly Box[], boxes: readonly Box[]): Map<number, number> {
  const view = viewOf(bytes);
  const sizes = properties.map(({ type, from, to }) =>
    type === "ispe" && from + 12 <= to ? view.getUint32(from + 4) * view.getUint32(from + 8) : undefined,
  );
  const areas = new Map<number, number>();
  for (const box of boxes.filter(({ type }) => type === "ipma")) {
    const [version, flags] = [bytes[box.from]!, bytes[box.from + 3]!];
    const read = numbersIn(bytes, { ...box, from: box.from + 4 });
    const items = Math.min(read(4), box.to - box.from);
    for (let i = 0; i < items; i++) {
      const item = read(version < 1 ? 2 : 4);
      for (let associations = read(1); associations > 0; associations--) {
        const index = flags & 1 ? read(2) & 0x7fff : read(1) & 0x7f;
        const area = sizes[index - 1];
        if (area !== undefined) areas.set(item, Math.max(area, areas.get(item) ?? 0));
      }
    }
  }
  return areas;
}

/** Reads big-endian numbers of some bytes one after the other; 0 beyond the end. */
function numbersIn(bytes: Uint8Array, { from, to }: Pick<Box, "from" | "to">): (width: number) => number {
  let at = from;
  return (width) => {
    let value = 0;
    for (const end = at + width; at < end; at++) value = value * 256 + (at < to ? bytes[at]! : 0);
    return value;
  };
}
