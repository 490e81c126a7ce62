// One picture of noise to another size: ours, or sharp's own.
import sharp from "sharp";
import { resize } from "../../dist/image/resize.js";

export async function load({ by, from: [width, height], to, filter, kernel }) {
  sharp.concurrency(1);
  sharp.cache(false);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.imul(i, 0x9e3779b9) >>> 24);
  const ours = () => resize({ width, height, data }, { width: to, height: to }, filter);
  const raw = { width, height, channels: 3 };
  const theirs = () => sharp(data, { raw }).resize(to, to, { kernel, fit: "fill" }).raw().toBuffer();
  return { run: by === "sharp" ? theirs : ours, facts: { version: sharp.versions.sharp } };
}
