// The pictures of examples/, made from NASA's public-domain portrait of Eileen Collins with the library's own painter:
//   npm run build && node tools/examples.mjs astronaut.png
// astronaut.png (512 × 512) comes with scikit-image (Debian: python3-skimage, skimage/data/astronaut.png).
import { writeFileSync } from "node:fs";
import sharp from "sharp";
import { paintMask, paintOccluder } from "../dist/image/occlude.js";
import { random } from "../dist/tensor/random.js";

// The face in pixels of the portrait, measured by hand.
const FACE = {
  leftEye: [201.5, 101],
  rightEye: [246.7, 103.7],
  noseTip: [223.7, 126],
  mouth: [222.5, 146],
  chin: [222.5, 177],
  leftCheek: [182, 126],
  rightCheek: [268, 126],
};

// Region of the portrait (left, top, width, height), longest side of the result in pixels, what is painted, which of the
// painter's random masks or things, mirrored or not, JPEG quality.
const PICTURES = [
  { name: "portrait", region: [84, 0, 280, 300], size: 300, quality: 88 },
  { name: "portrait-surgical-mask", region: [84, 0, 280, 300], size: 300, paint: paintMask, draw: 9, quality: 88 },
  { name: "close-up", region: [172, 62, 106, 124], size: 124, quality: 80, mirror: true },
  {
    name: "close-up-respirator",
    region: [160, 52, 130, 150],
    size: 150,
    paint: paintMask,
    draw: 4,
    quality: 80,
    mirror: true,
  },
  { name: "distant-cloth-mask", region: [0, 0, 512, 512], size: 240, paint: paintMask, draw: 22, quality: 75 },
  { name: "hand", region: [100, 10, 250, 250], size: 220, paint: paintOccluder, draw: 52, quality: 85 },
];

const relative = ([left, top, width, height]) =>
  Object.fromEntries(Object.entries(FACE).map(([name, [x, y]]) => [name, [(x - left) / width, (y - top) / height]]));

async function draw(portrait, { name, region, size, paint, draw: index, quality, mirror }) {
  const [left, top, width, height] = region;
  const raw = await sharp(portrait).extract({ left, top, width, height }).removeAlpha().raw().toBuffer();
  const bare = { width, height, data: new Uint8Array(raw) };
  const picture = paint ? paint(bare, { ...relative(region), spread: 0 }, random("examples", index)) : bare;
  const image = sharp(picture.data, { raw: { width, height, channels: 3 } }).flop(mirror === true);
  const bytes = await image.resize(size, size, { fit: "inside" }).jpeg({ quality }).toBuffer();
  writeFileSync(new URL(`../examples/${name}.jpg`, import.meta.url), bytes);
  console.log(`${name}.jpg ${bytes.length} bytes`);
}

const [portrait] = process.argv.slice(2);
if (!portrait) throw new Error("usage: node tools/examples.mjs astronaut.png");
for (const picture of PICTURES) await draw(portrait, picture);
