import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Pixels } from "../../src/image/pixels.ts";
import { type ImageProcessor, parseImageProcessor, preprocess } from "../../src/image/processor.ts";
import { type Filter, resizeRegion } from "../../src/image/resize.ts";
import { decodeImage } from "../../src/platform/decode.ts";
import { sha256 } from "../fixtures/pillow/pictures.ts";

interface Expected {
  images: Record<
    string,
    { file: string; rgb_sha256: string; twoview_box_top_left_height_width: [number, number, number, number] }
  >;
  preprocessor_config: Record<string, unknown>;
  u8_sha256: Record<string, string>;
  float_sha256: Record<string, string>;
  table: number[];
}

const folder = new URL("../fixtures/golden/preprocess/", import.meta.url);
const expected: Expected = JSON.parse(readFileSync(new URL("expected.json", folder), "utf8"));
const { images, preprocessor_config: configs } = expected;
const table = Float32Array.from(expected.table);

const edge = (shortestEdge: number): ImageProcessor => ({
  ...parseImageProcessor(configs.checkpoint_224_bilinear_nocrop, "golden"),
  resize: { shortestEdge },
  filter: "bicubic",
  crop: { width: 224, height: 224 },
});
const processors: Record<string, ImageProcessor> = {
  ...Object.fromEntries(Object.entries(configs).map(([name, json]) => [name, parseImageProcessor(json, name)])),
  hf_example_val_resize224x224_bilinear: parseImageProcessor(configs.checkpoint_224_bilinear_nocrop, "golden"),
  unilm_eval_resize256_bicubic_centercrop224: edge(256),
  "timm_eval_croppct0.9_resize248_bicubic_centercrop224": edge(248),
};

const decoded = new Map<string, Promise<Pixels>>();
function picture(key: string): Promise<Pixels> {
  const { file } = images[key]!;
  if (!decoded.has(key)) decoded.set(key, decodeImage(readFileSync(new URL(file, folder)), file));
  return decoded.get(key)!;
}

function channelsFirst({ data, width, height }: Pixels): Uint8Array {
  return Uint8Array.from(data, (_, i) => data[(i % (width * height)) * 3 + Math.floor(i / (width * height))]!);
}

const cases = Object.entries(expected.u8_sha256).map(([name, hash]) => ({
  key: name[0]!,
  variant: name.slice(2),
  name,
  hash,
}));

describe("preprocessing of the reference implementations", () => {
  it.each(Object.entries(images))("%s decodes to Pillow's pixels", async (key, { rgb_sha256 }) => {
    expect(sha256((await picture(key)).data)).toBe(rgb_sha256);
  });

  it("covers every case", () => {
    expect(cases.length).toBe(33);
    expect(
      cases.filter(({ variant }) => !processors[variant] && !variant.startsWith("twoview")).map(({ name }) => name),
    ).toEqual([]);
  });

  it.each(cases.filter(({ variant }) => processors[variant]))(
    "$name: bytes and floats",
    async ({ key, variant, name, hash }) => {
      const { resize, filter, crop } = processors[variant]!;
      const bytes = Uint8Array.from(preprocess(await picture(key), { resize, filter, crop }).data);
      expect(sha256(bytes)).toBe(hash);
      const { data } = preprocess(await picture(key), processors[variant]!);
      expect(
        Buffer.from(data.buffer).equals(Buffer.from(Float32Array.from(bytes, (byte) => table[byte]!).buffer)),
      ).toBe(true);
      if (name in expected.float_sha256) expect(sha256(data)).toBe(expected.float_sha256[name]);
    },
  );

  it.each(cases.filter(({ variant }) => variant.startsWith("twoview")))(
    "$name: crop, then resize",
    async ({ key, variant, hash }) => {
      const [top, left, height, width] = images[key]!.twoview_box_top_left_height_width;
      const [, size, filter] = variant.split("_") as [string, string, Filter];
      const view = resizeRegion(
        await picture(key),
        { top, left, height, width },
        { width: +size, height: +size },
        filter,
      );
      expect(sha256(channelsFirst(view))).toBe(hash);
    },
  );
});
