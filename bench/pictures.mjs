// A folder of JPEG files to train on: smooth colours with some grain, as heavy to decode as photographs of faces.
import { mkdir } from "node:fs/promises";
import sharp from "sharp";
import { random } from "../dist/tensor/random.js";

const [SIZE, QUALITY, PER_CLASS] = [256, 85, 64];

async function drawPicture(path, index) {
  const stream = random("picture", index);
  const corners = Uint8Array.from({ length: 8 * 8 * 3 }, () => stream.bits() & 255);
  const smooth = sharp(corners, { raw: { width: 8, height: 8, channels: 3 } }).resize(SIZE, SIZE, { kernel: "cubic" });
  const pixels = await smooth.raw().toBuffer();
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.max(0, Math.min(255, pixels[i] + (stream.bits() & 15) - 8));
  await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toFile(path);
}

/** Writes `folder`/{train,validation}/{no,yes}/*.jpg. */
export async function writePictures(folder) {
  for (const [split, count] of [
    ["train", PER_CLASS],
    ["validation", 1],
  ]) {
    for (const [label, name] of ["no", "yes"].entries()) {
      await mkdir(`${folder}/${split}/${name}`, { recursive: true });
      for (let i = 0; i < count; i++) await drawPicture(`${folder}/${split}/${name}/${i}.jpg`, 2 * i + label);
    }
  }
}
