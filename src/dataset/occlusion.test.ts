import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Pixels } from "../tensor/pixels.ts";
import { random } from "../tensor/random.ts";
import { occlude, parseOcclusion } from "./occlusion.ts";

const geometry = {
  leftEye: [0.3, 0.38],
  rightEye: [0.7, 0.38],
  noseTip: [0.5, 0.62],
  mouth: [0.5, 0.78],
  chin: [0.5, 0.95],
  leftCheek: [0.15, 0.62],
  rightCheek: [0.85, 0.62],
  spread: 0.02,
};
const text = (over: object = {}) =>
  JSON.stringify({
    maskLabel: "with_mask",
    bareLabel: "without_mask",
    paintProbability: 0.3,
    occludeProbability: 0.2,
    geometries: { "a/faces": geometry },
    ...over,
  });
const classes = ["with_mask", "without_mask"];
const picture: Pixels = { width: 24, height: 24, data: new Uint8Array(24 * 24 * 3).fill(140) };
const aligned = { source: "a/faces" };

test("bare faces become masked ones with the recipe's probability, others keep their label", () => {
  const occlusion = parseOcclusion(text(), { classes }, "recipe.json");
  let [masked, touched] = [0, 0];
  for (let i = 0; i < 2000; i++) {
    const result = occlude(picture, { id: "a.jpg", label: 1, attributes: aligned }, occlusion, random(7, i));
    if (result.label === 0) masked++;
    else if (result.pixels !== picture) touched++;
  }
  expect(masked / 2000).toBeGreaterThan(0.265); // 0.3 ± 3.4 standard deviations
  expect(masked / 2000).toBeLessThan(0.335);
  expect(touched / (2000 - masked)).toBeGreaterThan(0.165);
  expect(touched / (2000 - masked)).toBeLessThan(0.235);
});

test("masked faces stay masked; an unlabelled face of a known source is bare or painted", () => {
  const occlusion = parseOcclusion(text({ paintProbability: 0.5 }), { classes }, "recipe.json");
  const labels = new Set<number>();
  for (let i = 0; i < 50; i++) {
    expect(occlude(picture, { id: "a.jpg", label: 0, attributes: aligned }, occlusion, random(i)).label).toBe(0);
    labels.add(occlude(picture, { id: "a.jpg", label: -1, attributes: aligned }, occlusion, random(i)).label);
  }
  expect([...labels].sort()).toEqual([0, 1]);
});

test("pictures of unknown sources are returned untouched", () => {
  const occlusion = parseOcclusion(text({ paintProbability: 1 }), { classes }, "recipe.json");
  for (const attributes of [{}, { source: "other" }, { source: "constructor" }] as Record<string, string>[]) {
    expect(occlude(picture, { id: "a.jpg", label: 1, attributes }, occlusion, random(1))).toEqual({
      pixels: picture,
      label: 1,
    });
  }
});

test("a face known by its box is painted there and nowhere else", () => {
  const faces = { "one.jpg": [0.75, 0.25, 0.4, 0.4] };
  const recipe = text({
    paintProbability: 1,
    occludeProbability: 0,
    geometries: {},
    faces,
    faceBox: { ...geometry, spread: 0 },
  });
  const occlusion = parseOcclusion(recipe, { classes }, "recipe.json");
  const large: Pixels = { width: 80, height: 80, data: new Uint8Array(80 * 80 * 3).fill(140) };
  const one = { id: "one.jpg", label: 1, attributes: {} };
  const { pixels, label } = occlude(large, one, occlusion, random(1));
  expect(label).toBe(0);
  const changed = Array.from({ length: 6400 }, (_, i) => i).filter((i) => pixels.data[i * 3] !== 140);
  expect(changed.length).toBeGreaterThan(150);
  expect(Math.min(...changed.map((i) => i % 80))).toBeGreaterThan(39);
  expect(Math.max(...changed.map((i) => Math.floor(i / 80)))).toBeLessThan(44);
  expect(occlude(large, { ...one, id: "two.jpg" }, occlusion, random(1))).toEqual({ pixels: large, label: 1 });
});

test("stepping back enlarges the picture of a known face until the face is as small as allowed, and no further", () => {
  const zoomOut = { probability: 1, maxScale: 4, smallestFace: 0.35 }; // the face is 0.7 wide: at most twice
  const recipe = text({ paintProbability: 0, occludeProbability: 0, zoomOut });
  const occlusion = parseOcclusion(recipe, { classes }, "recipe.json");
  const sample = { id: "a.jpg", label: 1, attributes: aligned };
  const widths = Array.from({ length: 60 }, (_, i) => occlude(picture, sample, occlusion, random(i)).pixels.width);
  expect(Math.max(...widths)).toBeLessThanOrEqual(48);
  expect(Math.max(...widths)).toBeGreaterThan(42);
  expect(Math.min(...widths)).toBeLessThan(28);
});

const grounds = { sources: ["a/street", "a/room"], upper: 0.3 };
const scenic = (over: object = {}) =>
  text({
    paintProbability: 0,
    occludeProbability: 0,
    zoomOut: { probability: 1, maxScale: 3, smallestFace: 0.1, ...over },
  });

test("scenes are spread over the training pictures of the sources named, 400 at most", () => {
  const of = (count: number, source?: string) =>
    Array.from({ length: count }, (_, i) => {
      const attributes: Record<string, string> = source ? { source } : {};
      return { path: `${source}/${i}`, attributes };
    });
  const scenes = (samples: { path: string; attributes: Record<string, string> }[]) =>
    parseOcclusion(scenic({ grounds }), { classes, samples }, "r.json").scenes;
  expect(scenes([...of(2, "a/street"), ...of(3, "a/faces"), ...of(2), ...of(1, "a/room")])).toEqual([
    "a/street/0",
    "a/street/1",
    "a/room/0",
  ]);
  const many = scenes(of(1000, "a/room"));
  expect([many.length, new Set(many).size]).toEqual([400, 400]);
  expect([many[0], many.at(-1)]).toEqual(["a/room/0", "a/room/997"]);
  const without = parseOcclusion(scenic(), { classes, samples: of(5, "a/room") }, "r.json");
  expect(without.scenes).toEqual([]);
});

test.each([0, 1])("what lies behind a face made small may be a photograph (portraits: %i)", (portrait) => {
  const occlusion = parseOcclusion(scenic({ grounds, portrait }), { classes }, "r.json");
  const sample = { id: "a.jpg", label: 1, attributes: aligned };
  const ground = [{ width: 9, height: 4, data: new Uint8Array(9 * 4 * 3).fill(201) }];
  const share = (strips: Pixels[]) =>
    Array.from({ length: 100 }, (_, i) => occlude(picture, sample, occlusion, random(i), strips).pixels.data).filter(
      (data) => data[0] === 201 && data[1] === 201 && data[2] === 201,
    ).length;
  expect(share(ground)).toBeGreaterThan(30);
  expect(share([])).toBeLessThan(3); // a made-up ground of that very grey
});

test("the same key gives the same picture and label", () => {
  const occlusion = parseOcclusion(text({ paintProbability: 1 }), { classes }, "recipe.json");
  const once = () => occlude(picture, { id: "a.jpg", label: 1, attributes: aligned }, occlusion, random(3, "a.jpg"));
  expect(once()).toEqual(once());
});

test("class indices follow the data set's order", () => {
  expect(parseOcclusion(text(), { classes: ["x", "without_mask", "with_mask"] }, "r.json")).toMatchObject({
    mask: 2,
    bare: 1,
  });
});

test.each([
  ["{", "recipe/invalid", /^r\.json: expected JSON/],
  [text({ paintProbability: 2 }), "recipe/invalid", /^r\.json: paintProbability: /],
  [scenic({ grounds: { sources: [], upper: 0.3 } }), "recipe/invalid", /^r\.json: zoomOut\.grounds\.sources: /],
  [scenic({ grounds: { ...grounds, upper: 0 } }), "recipe/invalid", /^r\.json: zoomOut\.grounds\.upper: /],
  [text({ colour: 1 }), "recipe/invalid", /^r\.json: .*colour/],
  [text({ geometries: { a: { ...geometry, chin: [1] } } }), "recipe/invalid", /^r\.json: geometries\.a\.chin/],
  [text({ maskLabel: "masked" }), "recipe/unknown-class", /masked is not one of the data set's: with_mask, without/],
])("a bad recipe is refused by field: %#", (bad, code, message) => {
  expect(() => parseOcclusion(bad, { classes }, "r.json")).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test("the shipped recipe is valid", () => {
  const path = new URL("../../recipes/face-mask-occlusion.json", import.meta.url);
  const { recipe } = parseOcclusion(readFileSync(path, "utf8"), { classes }, "face-mask-occlusion.json");
  expect(Object.keys(recipe.geometries)).toContain("mattans/AgeProgression");
});
