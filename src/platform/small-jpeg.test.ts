import { execFile } from "node:child_process";
import { promisify } from "node:util";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { noisePicture } from "../../test/fixtures/pillow/pictures.ts";
import { random } from "../tensor/random.ts";
import { decodeImage } from "./decode.ts";
import { jpegHeader } from "./jpeg-header.ts";
import { decodeSmallJpeg } from "./small-jpeg.ts";

const bySharp = async (bytes: Uint8Array) =>
  sharp(bytes, { failOn: "error" }).removeAlpha().toColourspace("srgb").raw().toBuffer();

async function jpeg(width: number, height: number, quality: number, chroma: "4:2:0" | "4:4:4", grey = false) {
  const noise = sharp(noisePicture(width, width, height).data, { raw: { width, height, channels: 3 } });
  const smooth = sharp(await noise.blur(1.5).raw().toBuffer(), { raw: { width, height, channels: 3 } });
  return (grey ? smooth.toColourspace("b-w") : smooth).jpeg({ quality, chromaSubsampling: chroma }).toBuffer();
}

describe("decodeSmallJpeg", () => {
  it.each([
    [1, 1, 90, "4:2:0"],
    [8, 16, 100, "4:4:4"],
    [17, 9, 50, "4:2:0"],
    [33, 47, 5, "4:2:0"],
    [250, 131, 75, "4:2:0"],
    [131, 250, 95, "4:4:4"],
  ] as const)("gives sharp's bits: %i x %i, quality %i, %s", async (width, height, quality, chroma) => {
    for (const grey of [false, true]) {
      const bytes = await jpeg(width, height, quality, chroma, grey);
      expect(jpegHeader(bytes)?.plain).toBe(true);
      const picture = (await decodeSmallJpeg(bytes))!;
      expect([picture.width, picture.height]).toEqual([width, height]);
      const expected = await bySharp(bytes);
      const channels = expected.length / (width * height); // sharp leaves grey in one
      const spread = Buffer.from(picture.data.map((_, i) => expected[channels === 3 ? i : Math.floor(i / 3)]!));
      expect(Buffer.compare(Buffer.from(picture.data), spread)).toBe(0);
    }
  });

  it("spares a process that reads small plain files from loading sharp", async () => {
    const script = `
      const { decodeImage } = await import(${JSON.stringify(new URL("../../dist/platform/decode.js", import.meta.url))});
      const { width } = await decodeImage(await (await import("node:fs/promises")).readFile(process.argv[1]), "x");
      const loaded = Object.keys((await import("node:module")).default._cache);
      console.log(width, loaded.some((path) => path.includes("/sharp/")));`;
    const decodes = async (name: string) =>
      (await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script, name])).stdout.trim();
    expect(await decodes("examples/portrait.jpg")).toBe("280 false");
    expect(await decodes("docs/screenshots/phone.png")).toMatch(/^\d+ true$/);
  });

  it("has no answer for damaged files, and the next picture is not the worse for it", async () => {
    const bytes = await jpeg(60, 40, 80, "4:2:0");
    const good = await decodeSmallJpeg(bytes);
    const tables = Buffer.from(bytes);
    tables[bytes.indexOf(Buffer.from([0xff, 0xc4])) + 5]! ^= 0x55; // lengths of Huffman codes
    const missing = Buffer.concat([bytes.subarray(0, bytes.length - 200), Buffer.of(0xff, 0xd9)]);
    for (const damaged of [bytes.subarray(0, bytes.length - 100), bytes.subarray(0, 4), tables, missing]) {
      expect(await decodeSmallJpeg(damaged)).toBeUndefined();
      expect(await decodeSmallJpeg(bytes)).toEqual(good);
    }
  });

  it("is not kept busy by a file that goes on and on after its first fault", async () => {
    const bytes = await jpeg(400, 400, 80, "4:2:0");
    const head = bytes.subarray(0, bytes.indexOf(Buffer.from([0xff, 0xda])));
    const scan = Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]); // of one component, without its data
    const endless = Buffer.concat([head, ...Array.from({ length: 50_000 }, () => scan), Buffer.of(0xff, 0xd9)]);
    const began = performance.now();
    await expect(decodeImage(endless, "x")).rejects.toThrow(/damaged/);
    expect(performance.now() - began).toBeLessThan(1000); // 3 s where every scan is gone through
  });

  it("tells damaged pictures from others that are decoded at the same time, in whatever order they come", async () => {
    const good = await jpeg(60, 40, 80, "4:2:0");
    const damaged = good.subarray(0, good.length - 100);
    for (let ticks = 0; ticks < 6; ticks++) {
      const first = decodeImage(damaged, "damaged").catch(() => "refused");
      for (let i = 0; i < ticks; i++) await undefined;
      const second = decodeImage(good, "good");
      expect(await first, `${ticks} ticks apart`).toBe("refused");
      expect((await second).width).toBe(60);
    }
  });

  it("refuses each of several damaged pictures that are decoded at the same time", async () => {
    const good = await jpeg(60, 40, 80, "4:2:0");
    const damaged = good.subarray(0, good.length >> 1);
    await decodeImage(good, "good"); // the decoder is there: all begin at once
    for (const count of [2, 3, 8]) {
      const outcomes = await Promise.allSettled(Array.from({ length: count }, () => decodeImage(damaged, "damaged")));
      expect(outcomes.map(({ status }) => status)).toEqual(new Array(count).fill("rejected"));
    }
  });

  it("changes no verdict of decodeImage on files with wrong bytes, and no bits where the tables are right", async () => {
    const stream = random("wrong bytes");
    const whole = await jpeg(90, 70, 85, "4:2:0");
    const scan = whole.indexOf(Buffer.from([0xff, 0xda])) + 14;
    const refusals = [0, 0];
    for (let i = 0; i < 200; i++) {
      const bytes = Buffer.from(whole);
      const from = i % 2 ? scan : 2; // wrong tables make coefficients too large for 16 bits, which SIMD code and C treat differently
      for (let k = 0; k <= i % 3; k++) bytes[from + stream.integer(bytes.length - from)] = stream.integer(256);
      const expected = await bySharp(bytes).catch(() => undefined);
      const found = await decodeImage(bytes, "x").catch(() => undefined);
      if (!expected) refusals[i % 2]!++;
      expect(found === undefined, `file ${i}`).toBe(expected === undefined);
      if (from === scan && expected) expect(Buffer.compare(expected, found!.data), `file ${i}`).toBe(0);
    }
    expect(refusals[0]).toBeGreaterThan(3);
    expect(refusals[1]).toBeLessThan(97);
  });
});
