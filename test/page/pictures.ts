import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeJpeg, encodePng } from "../../src/platform/decode.ts";
import { random } from "../../src/tensor/random.ts";

const examples = [
  "close-up-respirator",
  "close-up",
  "distant-cloth-mask",
  "hand",
  "portrait-surgical-mask",
  "portrait",
];

/** Odd sizes, and both directions of resizing. */
const sizes = [
  [1, 1],
  [3, 500],
  [641, 479],
  [223, 225],
  [1021, 767],
] as const;

/** Soft shapes: noise that a neighbourhood shares, as photographs have it. */
function painted(width: number, height: number, seed: number) {
  const stream = random(seed, width, height);
  const cells = Float64Array.from({ length: 8 * 8 * 3 }, () => 255 * stream.uniform());
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const cell = 8 * Math.floor((8 * Math.floor(i / width)) / height) + Math.floor((8 * (i % width)) / width);
    for (let c = 0; c < 3; c++) data[3 * i + c] = 0.7 * cells[3 * cell + c]! + 0.3 * ((i * (c + 3)) % 256);
  }
  return { width, height, data };
}

/** Writes the examples and synthetic pictures of odd sizes into a folder of their own. */
export async function writePictures(): Promise<{ readonly folder: string; readonly names: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), "beit-pictures-"));
  const files = new Map<string, Uint8Array>();
  for (const name of examples) files.set(`${name}.jpg`, await readFile(`examples/${name}.jpg`));
  for (const [i, [width, height]] of sizes.entries()) {
    const pixels = painted(width, height, i);
    files.set(`size-${width}x${height}.jpg`, await encodeJpeg(pixels, 50 + 10 * i));
    files.set(`size-${width}x${height}.png`, await encodePng(pixels));
  }
  files.set("turned.jpg", withOrientation(await readFile("examples/portrait-surgical-mask.jpg"), 6));
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return { folder, names: [...files.keys()] };
}

/** The JPEG file with an EXIF segment that says how to turn it. */
function withOrientation(jpeg: Uint8Array, orientation: number): Uint8Array {
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];
  const content = [0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff];
  const segment = [0xff, 0xe1, 0, content.length + 2, ...content];
  return Uint8Array.from([...jpeg.subarray(0, 2), ...segment, ...jpeg.subarray(2)]);
}
