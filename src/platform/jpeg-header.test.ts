import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { jpegHeader } from "./jpeg-header.ts";

const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } });

describe("jpegHeader", () => {
  it.each([
    ["baseline", () => blank(300, 7).jpeg(), { width: 300, height: 7, components: 3, plain: true }],
    [
      "progressive",
      () => blank(31, 700).jpeg({ progressive: true }),
      { width: 31, height: 700, components: 3, plain: false },
    ],
    ["grey", () => blank(9, 8).toColourspace("b-w").jpeg(), { width: 9, height: 8, components: 1, plain: true }],
    ["CMYK", () => blank(9, 8).toColourspace("cmyk").jpeg(), { width: 9, height: 8, components: 4, plain: false }],
    [
      "turned by EXIF",
      () => blank(20, 10).withMetadata({ orientation: 6 }).jpeg(),
      { width: 20, height: 10, components: 3, plain: false },
    ],
  ] as const)("reads %s", async (_, make, expected) => {
    expect(jpegHeader(await make().toBuffer())).toEqual(expected);
  });

  it.each([
    ["4:4:4", 0x11, true],
    ["4:2:2", 0x21, true],
    ["4:2:0", 0x22, true],
    ["4:4:0", 0x12, false],
    ["4:1:1", 0x41, false],
  ])("calls chroma at %s plain or not", async (_, luma, plain) => {
    const bytes = Buffer.from(await blank(40, 30).jpeg().toBuffer());
    bytes[bytes.indexOf(Buffer.from([0xff, 0xc0])) + 11] = luma;
    expect(jpegHeader(bytes)?.plain).toBe(plain);
  });

  it("sees EXIF behind the frame header, and calls nothing plain that has no scan or a second frame", async () => {
    const turned = await blank(20, 10).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const segment = (marker: number) => turned.indexOf(Buffer.from([0xff, marker]));
    const [exif, frame] = [segment(0xe1), segment(0xc0)];
    const endOf = (at: number) => at + 2 + turned.readUInt16BE(at + 2);
    const header = turned.subarray(frame, endOf(frame));
    const without = Buffer.concat([turned.subarray(0, exif), turned.subarray(endOf(exif), endOf(frame))]);
    const rest = turned.subarray(endOf(frame));
    const parts = { exif: turned.subarray(exif, endOf(exif)), nothing: Buffer.of(), frame: header };
    const plain = Object.entries(parts).map(([name, part]) => [
      name,
      jpegHeader(Buffer.concat([without, part, rest]))?.plain,
    ]);
    expect(plain).toEqual([
      ["exif", false],
      ["nothing", true],
      ["frame", false],
    ]);
    expect(jpegHeader(without)).toMatchObject({ width: 20, height: 10, plain: false });
  });

  it("steps over fill bytes and a thumbnail inside a segment", async () => {
    const jpeg = await blank(40, 30).jpeg().toBuffer();
    const thumbnail = await blank(4, 3).jpeg().toBuffer();
    const length = thumbnail.length + 2;
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, length >> 8, length & 255]), thumbnail]);
    const bytes = Buffer.concat([jpeg.subarray(0, 2), segment, Buffer.from([0xff, 0xff]), jpeg.subarray(2)]);
    expect(jpegHeader(bytes)).toEqual({ width: 40, height: 30, components: 3, plain: false });
  });

  it("has no answer where decoders look for the next marker byte by byte, which may be another than it would find", async () => {
    const jpeg = await blank(40, 30).jpeg().toBuffer();
    const skipped = Buffer.from([0xff, 0x00, 0x00, 0x04, 0x00, 0x00]);
    expect(jpegHeader(Buffer.concat([jpeg.subarray(0, 2), skipped, jpeg.subarray(2)]))).toBeUndefined();
  });

  it("has no answer for other content and for what ends early, wherever it ends", async () => {
    const jpeg = await blank(40, 30).jpeg().toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    for (let end = 0; end < frame + 10; end++) expect(jpegHeader(jpeg.subarray(0, end))).toBeUndefined();
    expect(jpegHeader(await blank(4, 4).png().toBuffer())).toBeUndefined();
    expect(jpegHeader(Uint8Array.of(0xff, 0xd8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))).toBeUndefined();
  });
});
