import { describe, expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import type { Batch } from "../dataset/loader.ts";
import { parameterShapes } from "../evaluate/model.ts";
import { defaultProcessor } from "../image/processor.ts";
import { random } from "../tensor/random.ts";
import { measureMasked } from "./masked-metrics.ts";
import { parsePretrainRecipe } from "./pretrain-recipe.ts";
import { maskedMicroBatches, maskingOf, patchValues } from "./pretrain-step.ts";

const EDGE = 32;
const config = {
  ...presets.tiny,
  imageSize: [EDGE, EDGE] as const,
  patchSize: 8,
  hiddenSize: 12,
  intermediateSize: 16,
  numLayers: 1,
  useMaskToken: true,
  vocabSize: patchValues({ ...presets.tiny, patchSize: 8 }),
};
const shapes = parameterShapes(config, "masked-image-modelling");
const laws = { law: "pretrain", seed: 1, initializerRange: 0.2, layerScaleInit: 1, locality: false } as const;
const parameters = initialValues(shapes, { ...laws, numHeads: config.numHeads });
const model = { config, processor: defaultProcessor(config.imageSize), parameters };
const recipe = parsePretrainRecipe({ target: "pixels", masking: "random" }, {}, "test"); // as many patches of every picture
const masking = maskingOf(recipe, config);

const LENGTH = 3 * EDGE * EDGE;
const stream = random("pictures");
const pixels = Float32Array.from({ length: 4 * LENGTH }, () => stream.normal());

/** Rows from `first` on as a batch; those named cannot be read. */
const batch = (first: number, rows: number, unreadable: readonly number[] = []): Batch =>
  ({
    epoch: 0,
    first,
    pixels: pixels.slice(first * LENGTH, (first + rows) * LENGTH),
    tokenizerPixels: new Float32Array(0),
    labels: new Int32Array(rows),
    indices: Int32Array.from({ length: rows }, (_, i) => first + i),
    errors: unreadable.map((row) => ({ row, message: "no picture" })),
    busyMs: 0,
  }) as unknown as Batch;

async function* listed(batches: readonly Batch[]) {
  yield* batches;
}

const measure = (...batches: Batch[]) =>
  measureMasked(model, listed(batches), { masking, tokenizer: undefined, seed: 5 });

describe("measureMasked", () => {
  it("leaves out what cannot be read, and nothing else: neither its batch nor a last short one", async () => {
    const each = await Promise.all([0, 1, 2, 3].map((i) => measure(batch(i, 1))));
    const all = await measure(batch(0, 3, [1]), batch(3, 1));
    expect(all.pictures).toBe(3);
    expect(all.loss).toBeCloseTo((each[0]!.loss + each[2]!.loss + each[3]!.loss) / 3, 5);
  });

  it("has no figure where nothing can be read", async () => {
    expect((await measure(batch(0, 2, [0, 1]))).loss).toBeNaN();
  });
});

it("a grid on which no block can be laid is refused", () => {
  const never = { ...masking, masking: "blockwise" as const, count: 16, minBlock: 16 };
  const cut = () =>
    maskedMicroBatches({ pixels, keys: [[1], [2], [3], [4]] }, config, { masking: never, microBatch: 2, noise: [] });
  expect(cut).toThrow(/no block of 16 to 16 patches could be laid on 4 x 4/);
});
