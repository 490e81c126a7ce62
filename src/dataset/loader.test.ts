import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AugmentRecipe } from "../image/augment.ts";
import { defaultProcessor } from "../image/processor.ts";
import { encodeJpeg, encodePng } from "../platform/decode.ts";
import { random } from "../tensor/random.ts";
import { type Batch, createLoader, type Loader, type LoaderOptions } from "./loader.ts";
import { parseOcclusion } from "./occlusion.ts";
import type { Sample } from "./sample.ts";
import { type BatchPlan, epochOrder, planBatches } from "./sampler.ts";

const COUNT = 23;
const [HEIGHT, WIDTH] = [12, 16];
const LENGTH = 3 * HEIGHT * WIDTH;

const recipe = AugmentRecipe.parse({
  crop: {},
  flip: 0.5,
  colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
});

let root: string;
let samples: Sample[];
const loaders: Loader[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "beit-loader-"));
  samples = await Promise.all(Array.from({ length: COUNT }, (_, i) => picture(i)));
});
afterAll(() => rm(root, { recursive: true, force: true }));
afterEach(async () => {
  for (const loader of loaders.splice(0)) await loader.close();
});

/** Noise of a size of its own. */
async function picture(i: number): Promise<Sample> {
  const [width, height] = [20 + i, 40 - i];
  const stream = random(i, "noise");
  const data = Uint8Array.from({ length: width * height * 3 }, () => stream.integer(256));
  return write(`${i}.png`, await encodePng({ width, height, data }), i % 3);
}

async function write(id: string, bytes: Uint8Array, label = 0): Promise<Sample> {
  await writeFile(join(root, id), bytes);
  return { path: join(root, id), id, label, attributes: {} };
}

async function solid(id: string, [r, g, b]: readonly [number, number, number]): Promise<Sample> {
  const data = Uint8Array.from({ length: 10 * 10 * 3 }, (_, i) => [r, g, b][i % 3]!);
  return write(id, await encodePng({ width: 10, height: 10, data }), 1);
}

const open = async (options: Partial<LoaderOptions> = {}): Promise<Loader> => {
  const loader = await createLoader({
    samples,
    size: [HEIGHT, WIDTH],
    processor: defaultProcessor([HEIGHT, WIDTH]),
    batchSize: 5,
    workers: 0,
    seed: 7,
    cacheBytes: 1e6,
    ...options,
  });
  loaders.push(loader);
  return loader;
};

const plan = (epoch: number, from = 0, length = samples.length) =>
  planBatches(epochOrder({ length, epoch, seed: 7 }), { batchSize: 5, epoch, from });

async function collect(loader: Loader, plans: Iterable<BatchPlan>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of loader.batches(plans)) all.push(batch);
  return all;
}

describe("batches", () => {
  test("hold what the processor makes of each picture, in planned order", async () => {
    const list = [await solid("red.png", [255, 0, 0]), await solid("grey.png", [51, 102, 204])];
    const loader = await open({ samples: list, workers: 1 });
    const [batch] = await collect(loader, [{ epoch: 2, first: 10, indices: Int32Array.of(1, 0, 1) }]);
    expect(batch).toMatchObject({
      epoch: 2,
      first: 10,
      labels: Int32Array.of(1, 1, 1),
      indices: Int32Array.of(1, 0, 1),
      errors: [],
    });
    const plane = HEIGHT * WIDTH;
    const means = Array.from({ length: 9 }, (_, i) => batch!.pixels.slice(i * plane, (i + 1) * plane));
    const expected = [-0.6, -0.2, 0.6, 1, -1, -1, -0.6, -0.2, 0.6]; // 2 · byte / 255 − 1
    for (const [i, values] of means.entries()) for (const value of values) expect(value).toBeCloseTo(expected[i]!, 6);
  });

  test("one worker, three, and none give the same bytes", async () => {
    const plans = [...plan(0), ...plan(1)];
    const [none, one, three] = await Promise.all(
      [0, 1, 3].map(async (workers) => collect(await open({ workers, augment: recipe, prefetch: workers + 1 }), plans)),
    );
    expect(none).toHaveLength(10);
    expect(one).toEqual(none);
    expect(three).toEqual(none);
  });

  test("resuming at a batch gives the batches that were left", async () => {
    const whole = await collect(await open({ augment: recipe }), plan(3));
    expect(await collect(await open({ augment: recipe, workers: 2 }), plan(3, 2))).toEqual(whole.slice(2));
  });

  test("augmentation differs by epoch, by draw within an epoch, and by seed", async () => {
    const twice = (epoch: number) => [{ epoch, first: 0, indices: Int32Array.of(4, 4) }];
    const [a] = await collect(await open({ augment: recipe }), twice(0));
    const [b] = await collect(await open({ augment: recipe }), twice(1));
    const [c] = await collect(await open({ augment: recipe, seed: 8 }), twice(0));
    const [x, y] = [a!.pixels.slice(0, LENGTH), a!.pixels.slice(LENGTH)];
    expect(x).not.toEqual(y);
    expect(b!.pixels.slice(0, LENGTH)).not.toEqual(x);
    expect(c!.pixels.slice(0, LENGTH)).not.toEqual(x);
  });

  test("belong to the consumer: ordinary memory that later batches leave alone", async () => {
    const loader = await open({ workers: 2, prefetch: 2 });
    const copies: Float32Array[] = [];
    const kept: Float32Array[] = [];
    for await (const { pixels } of loader.batches(plan(0))) {
      expect(pixels.buffer).toBeInstanceOf(ArrayBuffer);
      kept.push(pixels);
      copies.push(Float32Array.from(pixels));
    }
    expect(kept).toEqual(copies);
  });

  test("are read ahead, but no more than asked for", async () => {
    let planned = 0;
    const counted = function* () {
      for (const batch of plan(0)) {
        planned++;
        yield batch;
      }
    };
    const loader = await open({ prefetch: 2 });
    const iteration = loader.batches(counted());
    await iteration.next();
    expect(planned).toBe(3); // one given, two under way
    await iteration.return();
    expect(planned).toBe(3);
  });

  test("may be left early and begun again, one iteration at a time", async () => {
    const loader = await open({ workers: 2 });
    for await (const _ of loader.batches(plan(0))) break;
    const running = loader.batches(plan(0));
    await running.next();
    await expect(loader.batches(plan(0)).next()).rejects.toThrow(/has not ended/);
    await running.return();
    expect(await collect(loader, plan(0))).toHaveLength(5);
  });

  test("arguments that do not fit are refused", async () => {
    await expect(open({ processor: defaultProcessor(16) })).rejects.toThrow("gives 16 x 16 px, expected 12 x 16 px");
    const loader = await open();
    await expect(collect(loader, [{ epoch: 0, first: 0, indices: new Int32Array(6) }])).rejects.toThrow(
      "6 pictures planned, batchSize is 5",
    );
    await expect(collect(loader, [{ epoch: 0, first: 0, indices: Int32Array.of(COUNT) }])).rejects.toThrow(
      "sample 23 planned, there are 23",
    );
  });
});

describe("tokenizer view", () => {
  const tokenizerView = {
    size: [6, 8] as const,
    filter: "box" as const,
    processor: { ...defaultProcessor([6, 8]), normalize: undefined },
  };

  test("shows the same crop: half the size is about the mean of four pixels", async () => {
    const slope = Uint8Array.from(
      { length: 40 * 40 * 3 },
      (_, i) => [6 * (Math.floor(i / 3) % 40), 6 * Math.floor(i / 120), 0][i % 3]!,
    );
    const list = [await write("slope.png", await encodePng({ width: 40, height: 40, data: slope }))];
    const views = AugmentRecipe.parse({ crop: { scale: [0.2, 0.9] }, flip: 0.5, filter: "bilinear" });
    const loader = await open({
      samples: list,
      augment: views,
      tokenizerView: { ...tokenizerView, filter: "bilinear" },
    });
    const [batch] = await collect(loader, [{ epoch: 0, first: 0, indices: new Int32Array(5) }]);
    expect(batch!.tokenizerPixels).toHaveLength(5 * 3 * 6 * 8);
    let worst = 0;
    for (let plane = 0; plane < 5 * 3; plane++) {
      for (let i = 0; i < 6 * 8; i++) {
        const at = plane * HEIGHT * WIDTH + 2 * Math.floor(i / 8) * WIDTH + 2 * (i % 8);
        const four = [at, at + 1, at + WIDTH, at + WIDTH + 1].map((j) => (batch!.pixels[j]! + 1) / 2);
        const mean = four.reduce((a, b) => a + b) / 4;
        worst = Math.max(worst, Math.abs(mean - batch!.tokenizerPixels[plane * 48 + i]!));
      }
    }
    expect(worst).toBeLessThan(6 / 255); // one pixel of the slope: filters differ at the edges, other crops by far more
  });

  test("without augmentation each view has its own processor", async () => {
    const list = [await solid("view.png", [0, 51, 255])];
    const [batch] = await collect(await open({ samples: list, tokenizerView }), [
      { epoch: 0, first: 0, indices: Int32Array.of(0) },
    ]);
    expect(batch!.tokenizerPixels).toHaveLength(3 * 6 * 8);
    for (const [i, value] of batch!.tokenizerPixels.entries())
      expect(value).toBeCloseTo([0, 0.2, 1][Math.floor(i / 48)]!, 6);
    await expect(open({ tokenizerView: { ...tokenizerView, size: [5, 5] } })).rejects.toThrow(
      "gives 6 x 8 px, expected 5 x 5 px",
    );
  });
});

/** A recipe for bare faces of the source "studio", all of them to be painted unless said otherwise. */
const painting = (over: object = {}) => {
  const face = {
    leftEye: [0.35, 0.4],
    rightEye: [0.65, 0.4],
    noseTip: [0.5, 0.55],
    mouth: [0.5, 0.7],
    chin: [0.5, 0.9],
  };
  return JSON.stringify({
    maskLabel: "masked",
    bareLabel: "bare",
    paintProbability: 1,
    occludeProbability: 0,
    geometries: { studio: { ...face, leftCheek: [0.2, 0.6], rightCheek: [0.8, 0.6], spread: 0 } },
    ...over,
  });
};

describe("what changes a picture on its way", () => {
  test("erasing leaves the rest of the normalised input alone", async () => {
    const list = [await solid("erase.png", [255, 255, 255])];
    const zero = { erasing: { area: [0.25, 0.25], ratio: [1, 1], fill: "zero", probability: 1 } };
    const [batch] = await collect(await open({ samples: list, augment: AugmentRecipe.parse(zero) }), [
      { epoch: 0, first: 0, indices: Int32Array.of(0) },
    ]);
    const erased = batch!.pixels.filter((value) => value === 0).length;
    expect(erased).toBe(3 * 7 * 7); // a quarter of 12 x 16 is 48 px, a square of 6.9
    expect(batch!.pixels.filter((value) => value === 1)).toHaveLength(LENGTH - erased);
  });

  test("painting a mask changes the label the batch gives", async () => {
    const occlusion = parseOcclusion(painting(), { classes: ["bare", "masked"] }, "recipe.json");
    const bare = { ...(await solid("bare.png", [200, 150, 120])), label: 0 };
    const list = [
      { ...bare, attributes: { source: "studio" } },
      { ...bare, attributes: { source: "street" } },
    ];
    const plans = [{ epoch: 0, first: 0, indices: Int32Array.of(0, 1) }];
    const [batch] = await collect(await open({ samples: list, occlusion, workers: 1 }), plans);
    const [plain] = await collect(await open({ samples: list }), plans);
    expect(batch!.labels).toEqual(Int32Array.of(1, 0));
    expect(batch!.pixels.slice(0, LENGTH)).not.toEqual(plain!.pixels.slice(0, LENGTH));
    expect(batch!.pixels.slice(LENGTH)).toEqual(plain!.pixels.slice(LENGTH));
  });

  test("scenes lie behind faces made small, whichever worker reads them; one that cannot be read is left out", async () => {
    const red = { ...(await solid("red.png", [250, 0, 0])), attributes: { source: "street" } };
    const broken = { ...(await write("torn.png", new Uint8Array(5))), attributes: { source: "street" } };
    const faces = await Promise.all([0, 1, 2, 3].map((i) => solid(`face-${i}.png`, [0, 90, 90 + i])));
    const list = [red, broken, ...faces.map((face) => ({ ...face, attributes: { source: "studio" } }))];
    const grounds = { sources: ["street"], upper: 0.5 };
    const zoomOut = { probability: 1, maxScale: 4, smallestFace: 0.1, portrait: 0, grounds };
    const recipe = painting({ paintProbability: 0, zoomOut });
    const occlusion = parseOcclusion(recipe, { classes: ["bare", "masked"], samples: list }, "recipe.json");
    expect(occlusion.scenes).toEqual([red.path, broken.path]);
    const plans = Array.from({ length: 8 }, (_, epoch) => ({ epoch, first: 0, indices: Int32Array.of(2, 3, 4, 5) }));
    const [here, elsewhere] = [
      await collect(await open({ samples: list, occlusion, workers: 0 }), plans),
      await collect(await open({ samples: list, occlusion, workers: 2 }), plans),
    ];
    expect(elsewhere).toEqual(here);
    const reds = here.flatMap(({ pixels }) =>
      [0, 1, 2, 3].map((row) => pixels.subarray(row * LENGTH, row * LENGTH + LENGTH / 3).some((value) => value > 0.9)),
    );
    expect(reds.filter(Boolean).length).toBeGreaterThan(8); // of 32
    expect(reds.filter(Boolean).length).toBeLessThan(28);
  });
});

describe("pictures that cannot be read", () => {
  let mixed: Sample[];
  beforeAll(async () => {
    const data = new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7919) % 256);
    const jpeg = await encodeJpeg({ width: 64, height: 64, data }, 90);
    mixed = [
      samples[0]!,
      await write("empty.jpg", new Uint8Array(0)),
      await write("words.png", new TextEncoder().encode("these are words, not a picture, whatever the name says")),
      await write("cut.jpg", jpeg.subarray(0, jpeg.length >> 1)),
      { path: join(root, "gone.jpg"), id: "gone.jpg", label: 2, attributes: {} },
    ];
  });
  const all = [{ epoch: 0, first: 0, indices: Int32Array.of(1, 0, 4, 3, 2) }];

  test.each([0, 2])("are named one by one and the rest goes on (%i workers)", async (workers) => {
    const loader = await open({ samples: mixed, workers });
    const [batch] = await collect(loader, all);
    expect(batch!.errors.map(({ row, index, error }) => [row, index, error.code])).toEqual([
      [0, 1, "image/empty"],
      [2, 4, "file/unreadable"],
      [3, 3, "image/truncated"],
      [4, 2, "image/not-an-image"],
    ]);
    for (const { index, error } of batch!.errors) expect(error.message).toContain(mixed[index]!.path);
    expect(batch!.labels).toEqual(Int32Array.of(-1, 0, -1, -1, -1));
    const [good] = await collect(loader, [{ epoch: 0, first: 1, indices: Int32Array.of(0) }]);
    expect(batch!.pixels.slice(LENGTH, 2 * LENGTH)).toEqual(good!.pixels);
    expect(batch!.pixels.slice(2 * LENGTH).every((value) => value === 0)).toBe(true);
  });
});

test("the second epoch is served from the cache as far as it reaches, and changes nothing", async () => {
  const plans = [...plan(0), ...plan(1)];
  const loader = await open({ workers: 2 });
  const batches = await collect(loader, plans);
  expect(loader.statistics()).toMatchObject({ images: 2 * COUNT, cachedShare: 0.5 });
  const half = await open({ cacheBytes: 12_000 }); // the pictures have 2,280 to 2,697 bytes
  expect(await collect(half, plans)).toEqual(batches);
  expect(half.statistics().cachedShare).toBeGreaterThan(0.05);
  expect(half.statistics().cachedShare).toBeLessThan(0.3);
  const none = await open({ cacheBytes: 0, augment: recipe });
  await collect(none, plan(0));
  expect(none.statistics().cachedShare).toBe(0);
});
