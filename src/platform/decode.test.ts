import { crc32 } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { noisePicture, pillowCases } from "../../test/fixtures/pillow/pictures.ts";
import { decodeImage, encodeJpeg, encodePng } from "./decode.ts";

interface Case {
  name: string;
  file: string;
  size: [number, number];
  rgb: string;
}

const files = pillowCases<Case>("files");
const bytesOf = (name: string) => new Uint8Array(Buffer.from(files.find((file) => file.name === name)!.file, "base64"));

/** A PNG that claims a size and holds next to nothing. */
function claim(width: number, height: number): Uint8Array {
  const chunk = (tag: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(tag, "latin1"), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", Buffer.alloc(20)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

describe("decodeImage", () => {
  it.each(files)("agrees with Pillow on $name", async ({ name, file, size, rgb }) => {
    const { width, height, data } = await decodeImage(Buffer.from(file, "base64"), name);
    expect([width, height]).toEqual(size);
    expect(Buffer.from(data).equals(Buffer.from(rgb, "base64"))).toBe(true);
  });

  it("ignores a colour profile", async () => {
    const { data, width, height } = noisePicture(1, 8, 8);
    const bare = sharp(data, { raw: { width, height, channels: 3 } });
    const profiled = await bare.clone().withIccProfile("p3", { attach: true }).png().toBuffer();
    const stored = await sharp(profiled, { ignoreIcc: true }).raw().toBuffer();
    expect((await sharp(profiled).metadata()).hasProfile).toBe(true);
    expect(Buffer.from((await decodeImage(profiled, "p3.png")).data).equals(stored)).toBe(true);
  });

  it("does not believe the name", async () => {
    expect((await decodeImage(bytesOf("rgb.png"), "photo.jpg")).width).toBe(19);
  });

  it("refuses an empty file", async () => {
    await expect(decodeImage(new Uint8Array(), "a/b.jpg")).rejects.toMatchObject({
      name: "BeitError",
      code: "image/empty",
      message: expect.stringContaining("a/b.jpg"),
    });
  });

  it.each([
    ["text", Buffer.from("hello, this is not a picture")],
    ["one byte", Buffer.of(0xff)],
    ["four bytes of a PNG", Buffer.from("\x89PNG", "latin1")],
    ["SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    ["PDF", Buffer.from("%PDF-1.7\n")],
    ["BMP", Buffer.from("BM\x46\0\0\0", "latin1")],
    ["zeros", Buffer.alloc(1000)],
  ])("refuses %s", async (_, bytes) => {
    await expect(decodeImage(bytes, "x.png")).rejects.toMatchObject({
      code: "image/not-an-image",
      message: expect.stringMatching(/^x\.png: is not a picture: expected JPEG, PNG/),
    });
  });

  it.each([
    ["rgb.jpg", 1],
    ["rgb.jpg", 2],
    ["rgb.jpg", 200],
    ["progressive.jpg", 100],
    ["cmyk.jpg", 300],
    ["rgba.png", 100],
    ["rgba.png", 600],
    ["lossless.webp", 40],
    ["still.gif", 100],
    ["rgb.tiff", 400],
  ])("refuses %s without its last %i bytes", async (name, missing) => {
    const bytes = bytesOf(name);
    const cut = bytes.subarray(0, bytes.length - missing);
    await expect(decodeImage(cut, "cut")).rejects.toMatchObject({
      code: "image/truncated",
      message: expect.stringMatching(/^cut: is truncated or damaged: \S/),
    });
  });

  it.each(["rgb.jpg", "rgba.png", "still.gif", "lossless.webp"])("refuses %s cut within its header", async (name) => {
    await expect(decodeImage(bytesOf(name).subarray(0, 20), "cut")).rejects.toMatchObject({ code: "image/truncated" });
  });

  it("accepts rubbish after the end, as Pillow does", async () => {
    const bytes = Buffer.concat([bytesOf("rgb.jpg"), Buffer.from("rubbish")]);
    expect(await decodeImage(bytes, "x")).toEqual(await decodeImage(bytesOf("rgb.jpg"), "x"));
  });

  it("refuses a huge picture from its header, quickly and without its memory", async () => {
    await decodeImage(bytesOf("1x1.png"), "warm"); // loads sharp
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const message = "bomb.png: 30000 x 30000 is 900 megapixels, the limit is 100 megapixels";
    await expect(decodeImage(claim(30_000, 30_000), "bomb.png")).rejects.toMatchObject({
      code: "image/too-large",
      message,
    });
    expect(performance.now() - start).toBeLessThan(1000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it("takes its limit from the caller", async () => {
    const file = bytesOf("rgb.png"); // 19 x 13 = 247
    await expect(decodeImage(file, "x", { maxPixels: 246 })).rejects.toMatchObject({ code: "image/too-large" });
    expect((await decodeImage(file, "x", { maxPixels: 247 })).height).toBe(13);
  });
});

describe("encode", () => {
  const picture = noisePicture(2, 21, 10);

  it("PNG comes back exactly", async () => {
    expect(await decodeImage(await encodePng(picture), "x")).toEqual(picture);
  });

  it("JPEG comes back nearly, smaller with less quality", async () => {
    const [good, bad] = [await encodeJpeg(picture, 95), await encodeJpeg(picture, 20)];
    expect(bad.length).toBeLessThan(good.length);
    expect(await decodeImage(good, "x")).toMatchObject({ width: 21, height: 10 });
  });
});
