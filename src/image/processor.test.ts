import { describe, expect, it } from "vitest";
import { noisePicture } from "../../test/fixtures/pillow/pictures.ts";
import {
  centerCrop,
  defaultProcessor,
  outputSize,
  parseImageProcessor,
  preprocess,
  processorOfSize,
  serializeImageProcessor,
} from "./processor.ts";

const name = "preprocessor_config.json";
const parse = (json: unknown) => parseImageProcessor(json, name);
const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

describe("parseImageProcessor", () => {
  it("reads an old feature extractor's file", () => {
    const old = {
      crop_size: 224,
      do_center_crop: false,
      do_normalize: true,
      do_resize: true,
      feature_extractor_type: "BeitFeatureExtractor",
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      resample: 2,
      size: 224,
    };
    expect(parse(old)).toEqual(defaultProcessor(224));
  });

  it.each([
    [224, undefined, { height: 224, width: 224 }],
    [[192, 256], undefined, { height: 192, width: 256 }],
    [{ height: 192, width: 256 }, undefined, { height: 192, width: 256 }],
    [{ shortest_edge: 256 }, undefined, { shortestEdge: 256 }],
    [{ shortest_edge: 256, longest_edge: null }, undefined, { shortestEdge: 256 }],
    [224, "CLIPFeatureExtractor", { shortestEdge: 224 }],
    [224, "ViTImageProcessorFast", { height: 224, width: 224 }],
  ])("understands size %j of %s", (size, type, resize) => {
    const json = { size, ...half, image_mean: [0, 0, 0], image_std: [1, 1, 1], image_processor_type: type };
    expect(parse(json).resize).toEqual(resize);
  });

  it.each([
    [{ size: 8 }, "bicubic"],
    [{ size: 8, image_processor_type: "ViTImageProcessor" }, "bilinear"],
    [{ size: 8, resample: 0 }, "nearest"],
    [{ size: 8, resample: 1 }, "lanczos"],
    [{ size: 8, resample: 2 }, "bilinear"],
    [{ size: 8, resample: 3 }, "bicubic"],
    [{ size: 8, resample: 4 }, "box"],
    [{ size: 8, resample: 5 }, "hamming"],
  ])("%j resamples with %s", (json, filter) => {
    expect(parse(json).filter).toBe(filter);
  });

  it.each([
    [{}, undefined],
    [{ crop_size: 200 }, { height: 200, width: 200 }],
    [{ crop_size: 200, do_center_crop: false }, undefined],
    [{ crop_size: null, do_center_crop: null }, undefined],
    [{ do_center_crop: true }, { height: 224, width: 224 }],
    [
      { crop_size: { height: 100, width: 50 }, do_center_crop: true },
      { height: 100, width: 50 },
    ],
    [{ crop_size: 200, image_processor_type: "ViTImageProcessor" }, undefined],
  ])("%j crops to %j", (json, crop) => {
    expect(parse({ size: 256, ...json }).crop).toEqual(crop);
  });

  it("turns steps off and tolerates what it does not know", () => {
    const off = {
      do_resize: false,
      do_rescale: false,
      do_normalize: false,
      do_reduce_labels: true,
      _valid_processor_keys: [],
      do_pad: false,
    };
    expect(parse(off)).toEqual({ filter: "bicubic" });
    expect(parse({ size: 8 })).toEqual({
      resize: { height: 8, width: 8 },
      filter: "bicubic",
      rescaleFactor: 1 / 255,
      normalize: half,
    });
  });

  it.each([
    [[], /expected a JSON object, got \[\]/],
    [{}, /size: expected pixels.*got nothing/],
    [{ size: "big" }, /size: expected pixels.*got "big"/],
    [{ size: 0 }, /size: expected pixels/],
    [{ size: { shortest_edge: 8, longest_edge: 10 } }, /size.longest_edge 10 is not supported/],
    [{ size: 8, crop_size: { shortest_edge: 8 } }, /crop_size: expected a number/],
    [{ size: 8, resample: 9 }, /resample: expected one of Pillow's numbers \(0 nearest, 1 lanczos/],
    [{ size: 8, resample: "bilinear" }, /resample: expected/],
    [{ size: 8, image_mean: [0.5] }, /image_mean: expected three numbers/],
    [{ size: 8, image_std: [0.5, 0, 0.5] }, /image_std: expected numbers other than 0/],
    [{ size: 8, do_resize: "yes" }, /do_resize: expected true or false/],
    [{ size: 8, rescale_factor: "1/255" }, /rescale_factor: expected a number/],
    [{ size: 8, do_pad: true }, /do_pad true is not supported/],
    [
      { size: 8, image_processor_type: "SamImageProcessor" },
      /image_processor_type "SamImageProcessor" is not supported/,
    ],
    [{ size: 8, feature_extractor_type: "constructorFeatureExtractor" }, /is not supported/],
    [{ size: 8, image_processor_type: "CLIPImageProcessor" }, /image_mean: expected three numbers.*got nothing/],
  ])("refuses %j", (json, message) => {
    expect(() => parse(json)).toThrow(message);
    expect(() => parse(json)).toThrow(name);
  });
});

describe("serializeImageProcessor", () => {
  it("spells every key out", () => {
    expect(serializeImageProcessor(defaultProcessor([192, 256]))).toEqual({
      image_processor_type: "ViTImageProcessor",
      do_convert_rgb: true,
      do_resize: true,
      size: { height: 192, width: 256 },
      resample: 2,
      do_center_crop: false,
      do_rescale: true,
      rescale_factor: 0.00392156862745098,
      do_normalize: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
    });
  });

  it.each([
    [defaultProcessor(224), "ViTImageProcessor"],
    [{ ...defaultProcessor(256), crop: { width: 224, height: 200 } }, "DeiTImageProcessor"],
    [
      { ...defaultProcessor(1), resize: { shortestEdge: 256 }, crop: { width: 224, height: 224 } },
      "CLIPImageProcessor",
    ],
    [{ filter: "box" } as const, "ViTImageProcessor"],
  ])("is read back as it was: %j", (processor, type) => {
    const json = JSON.parse(JSON.stringify(serializeImageProcessor(processor)));
    expect(json.image_processor_type).toBe(type);
    expect(parse(json)).toEqual(processor);
  });
});

describe("preprocess", () => {
  const picture = { width: 2, height: 1, data: Uint8Array.of(0, 51, 255, 128, 102, 1) };
  const keep = {
    filter: "bilinear",
    rescaleFactor: 1 / 255,
    normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  } as const;

  it("puts channels first, in [-1, 1]", () => {
    const { data, height, width } = preprocess(picture, keep);
    expect([height, width]).toEqual([1, 2]);
    expect(data).toEqual(Float32Array.of(-1, 0.003921628, -0.6, -0.19999999, 1, -0.99215686));
  });

  it("normalises each channel by its own mean and deviation", () => {
    const normalize = { mean: [0, 100, 200], std: [1, 2, 5] } as const;
    expect([...preprocess(picture, { filter: "box", normalize }).data]).toEqual([
      0,
      128,
      -24.5,
      1,
      11,
      Math.fround(-199 / 5),
    ]);
  });

  it("writes in place", () => {
    const out = new Float32Array(14).fill(9);
    const { data } = preprocess(picture, { filter: "box" }, out, 6);
    expect([...out]).toEqual([9, 9, 9, 9, 9, 9, 0, 128, 51, 102, 255, 1, 9, 9]);
    expect(data.buffer).toBe(out.buffer);
    expect(() => preprocess(picture, { filter: "box" }, out, 9)).toThrow(/do not fit in 14/);
  });

  it.each([0, 1, 2, 3, 4])("puts channels first of any number of pixels, from byte %i of a buffer on", (start) => {
    for (const width of [1, 3, 4, 5, 8, 11]) {
      const bytes = Uint8Array.from({ length: start + 3 * width + 2 }, (_, i) => (37 * i + 11) % 256);
      const pixels = bytes.subarray(start, start + 3 * width);
      const { data } = preprocess({ width, height: 1, data: pixels }, { filter: "box" });
      const expected = [0, 1, 2].flatMap((c) => Array.from(pixels).filter((_, i) => i % 3 === c));
      expect(Array.from(data)).toEqual(expected);
    }
  });

  it("resizes by the short edge, truncating the long one", () => {
    const processor = { filter: "box", resize: { shortestEdge: 10 } } as const;
    expect(preprocess(noisePicture(1, 7, 12), processor)).toMatchObject({ width: 10, height: 17 });
    expect(preprocess(noisePicture(1, 12, 7), processor)).toMatchObject({ width: 17, height: 10 });
    expect(outputSize(processor)).toBeUndefined();
    expect(outputSize(defaultProcessor([8, 9]))).toEqual({ height: 8, width: 9 });
  });
});

describe("centerCrop", () => {
  const columns = { width: 5, height: 1, data: Uint8Array.from({ length: 15 }, (_, i) => Math.floor(i / 3) + 1) };
  const reds = (width: number, height = 1) =>
    [...centerCrop(columns, { width, height }).data].filter((_, i) => i % 3 === 0);

  it("takes the middle, the odd column from the right", () => {
    expect(reds(3)).toEqual([2, 3, 4]);
    expect(reds(2)).toEqual([2, 3]);
  });

  it("pads with black, the odd column on the left", () => {
    expect(reds(8)).toEqual([0, 0, 1, 2, 3, 4, 5, 0]);
    expect(reds(3, 3)).toEqual([0, 0, 0, 2, 3, 4, 0, 0, 0]);
  });
});

describe("processorOfSize", () => {
  const size = { height: 48, width: 96 };
  const plain = { ...defaultProcessor(32), filter: "bicubic" } as const;

  it("resizes to the new size, all else the same", () => {
    expect(processorOfSize(plain, size)).toEqual({ ...plain, resize: size });
    const { resize: _, ...kept } = plain;
    expect(processorOfSize(kept, size)).toEqual({ ...kept, resize: size });
  });

  it("before a crop, to the same multiple of the crop", () => {
    const crop = { height: 32, width: 32 };
    expect(processorOfSize({ ...plain, resize: { height: 40, width: 40 }, crop }, size)).toEqual({
      ...plain,
      resize: { height: 60, width: 120 },
      crop: size,
    });
    expect(processorOfSize({ ...plain, resize: { shortestEdge: 36 }, crop }, { height: 48, width: 48 })).toEqual({
      ...plain,
      resize: { shortestEdge: 54 },
      crop: { height: 48, width: 48 },
    });
  });
});
