import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage } from "./decode.ts";
import { BeitError } from "./errors.ts";

const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } });
const u16 = (...values: number[]) => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
const u32 = (...values: number[]) => Buffer.concat(values.map((value) => u16(value >>> 16, value & 0xffff)));
const refused = (bytes: Uint8Array, reason: RegExp, limits = {}) =>
  expect(decodeImage(bytes, "x", limits)).rejects.toMatchObject({ code: "image/too-large", message: reason });

describe("pictures that would cost more than their size says", () => {
  it("PNG: texts are never inflated", async () => {
    const png = await blank(8, 8).png().toBuffer();
    const text = Buffer.concat([Buffer.from("zTXta\0\0"), deflateSync(Buffer.alloc(7_900_000))]);
    const chunk = Buffer.concat([u32(text.length - 4), text, crcOf(text)]);
    const header = 8 + 25; // signature and IHDR
    const bytes = Buffer.concat([
      png.subarray(0, header),
      ...Array.from({ length: 40 }, () => chunk),
      png.subarray(header),
    ]);
    const before = process.memoryUsage().rss;
    const { width, data } = await decodeImage(bytes, "x");
    expect([width, [...data.subarray(0, 3)]]).toEqual([8, [200, 30, 90]]);
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6); // 2 GB where they are
  });

  it("PNG: the EXIF orientation is still applied", async () => {
    const png = await blank(20, 10).withMetadata({ orientation: 6 }).png().toBuffer();
    expect(png.includes("eXIf")).toBe(true);
    expect(await decodeImage(png, "x")).toMatchObject({ width: 10, height: 20 });
  });

  it("JPEG: a great many scans", async () => {
    const jpeg = await blank(4000, 3000).jpeg({ progressive: true }).toBuffer();
    expect((await decodeImage(jpeg, "x")).width).toBe(4000);
    const last = jpeg.lastIndexOf(Buffer.from([0xff, 0xda]));
    const scan = jpeg.subarray(last, jpeg.length - 2);
    const many = Buffer.concat([jpeg.subarray(0, last), ...Array.from({ length: 900 }, () => scan), jpeg.subarray(-2)]);
    await refused(many, /more than 834 scans of 4000 x 3000 pixels/);
  });

  it("AVIF: a grid of more pixels than are seen, also where it is made of itself", async () => {
    const avif = await blank(64, 48).avif({ effort: 0 }).toBuffer();
    expect(await decodeImage(avif, "x")).toMatchObject({ width: 64, height: 48 });
    await refused(grid(Array(64).fill(2)), /is put together from 268\.4 megapixels, the limit is 100/);
    await refused(grid([2]), /is put together from 4\.2 megapixels, the limit is 1/, { maxPixels: 1e6 });
    await refused(grid([1]), /is put together from Infinity/);
    const references = Array.from({ length: 5000 }, () => box("dimg", u16(1, 65_535))); // each says it has more than it holds
    const began = performance.now();
    await expect(decodeImage(around(full("iref", ...references)), "x")).rejects.toThrow(BeitError);
    expect(performance.now() - began).toBeLessThan(1000);
    await expect(decodeImage(grid([2]), "x")).rejects.toMatchObject({ code: "image/truncated" }); // the decoder's to say
  });

  it("TIFF: a long chain of pages", async () => {
    const tiff = await blank(9, 8).tiff().toBuffer();
    expect((await decodeImage(tiff, "x")).width).toBe(9);
    const pages = Array.from({ length: 1001 }, (_, i) => [0, 0, 8 + 6 * (i + 1)]);
    const chain = pages.flatMap(([count, , next]) => [count! & 255, 0, next! & 255, next! >> 8, 0, 0]);
    await refused(Buffer.from([0x49, 0x49, 0x2a, 0, 8, 0, 0, 0, ...chain, 0, 0, 0, 0, 0, 0]), /more than 1000 pages/);
  });

  it("a picture of millions of rows", async () => {
    await refused(await blank(1, 70_000).png().toBuffer(), /1 x 70000: the limit of a side is 65535 pixels/);
  });
});

function crcOf(bytes: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return u32(~crc >>> 0);
}

const box = (type: string, ...parts: Uint8Array[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type), body]);
};
const full = (type: string, ...parts: Uint8Array[]) => box(type, u32(0), ...parts);

/** An AVIF file without pixels: item 1 is 64 x 64 and put together from `parts`, item 2 is 2048 x 2048. */
function grid(parts: readonly number[]): Buffer {
  return around(full("iref", box("dimg", u16(1, parts.length, ...parts))));
}

function around(iref: Buffer): Buffer {
  const sizes = box("ipco", full("ispe", u32(64, 64)), full("ispe", u32(2048, 2048)));
  const owners = full("ipma", u32(2), u16(1), Buffer.from([1, 1]), u16(2), Buffer.from([1, 0x80 | 2]));
  return Buffer.concat([box("ftyp", Buffer.from("avif"), u32(0)), full("meta", iref, box("iprp", sizes, owners))]);
}
