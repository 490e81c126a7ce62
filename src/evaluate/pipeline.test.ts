import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BeitConfig, parseConfig } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { defaultProcessor } from "../image/processor.ts";
import { decodeImage, encodePng } from "../platform/decode.ts";
import { random } from "../tensor/random.ts";
import { type Model, parameterShapes } from "./model.ts";
import { type ImageClassifier, pipeline } from "./pipeline.ts";
import { topScores } from "./scores.ts";

const labels = ["a", "b", "c", "d", "e", "f", "g"];
const config: BeitConfig = parseConfig(
  {
    hidden_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    intermediate_size: 64,
    image_size: 32,
    patch_size: 8,
    id2label: { ...labels },
  },
  "test",
);
const model: Model = {
  name: "test",
  config,
  task: "classification",
  processor: defaultProcessor(config.imageSize),
  parameters: initialValues(parameterShapes(config, "classification"), { law: "finetune", seed: 3, headScale: 50 }),
  source: { format: "huggingface", files: [], dtypes: ["float32"], unused: [] },
};
const pixels = { width: 20, height: 24, data: new Uint8Array(20 * 24 * 3).map(() => 0) };
const stream = random(5, "pixels");
for (let i = 0; i < pixels.data.length; i++) pixels.data[i] = stream.bits() >>> 24;

let classify: ImageClassifier;
let png: Uint8Array;
const file = join(mkdtempSync(join(tmpdir(), "beit-")), "picture.png");

beforeAll(async () => {
  classify = await pipeline("image-classification", model);
  png = await encodePng(pixels);
  writeFileSync(file, png);
});
afterAll(() => classify.close());

describe("pipeline", () => {
  it("gives the five best, falling", async () => {
    const scores = await classify(pixels);
    expect(scores).toHaveLength(5);
    expect(new Set(scores.map(({ label }) => label)).size).toBe(5);
    for (const [i, { score }] of scores.entries()) expect(score).toBeLessThanOrEqual(scores[i - 1]?.score ?? 1);
    expect((await classify(pixels, { top_k: 7 })).reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9);
  });

  it("takes paths, Buffers, Blobs and pixels alike", async () => {
    const expected = await classify(pixels);
    const alike = [file, png, Buffer.from(png), new Blob([new Uint8Array(png)]), await decodeImage(png, "x")];
    for (const image of alike) expect(await classify(image)).toEqual(expected);
    const rgba = Uint8ClampedArray.from({ length: 20 * 24 * 4 }, (_, i) =>
      i % 4 === 3 ? 9 : pixels.data[3 * Math.floor(i / 4) + (i % 4)]!,
    );
    expect(await classify({ width: 20, height: 24, data: rgba })).toEqual(expected);
  });

  it("gives arrays for arrays", async () => {
    const grey = { width: 20, height: 24, data: new Uint8Array(20 * 24).fill(77) };
    const both = await classify([file, grey], { top_k: 1 });
    expect(both.map((scores) => scores.length)).toEqual([1, 1]);
    expect(both[0]![0]!.label).toBe((await classify(file))[0]!.label);
    expect(await classify([])).toEqual([]);
  });

  it("says what is wrong with a picture", async () => {
    await expect(classify("gone.png")).rejects.toThrow("gone.png: cannot be read: no such file or folder");
    await expect(classify([png, new Uint8Array(0)])).rejects.toThrow("picture 2: is empty (0 bytes)");
    await expect(classify({ width: 3, height: 3, data: new Uint8Array(5) })).rejects.toThrow("3 x 3 pixels in 5 bytes");
    await expect(pipeline("text-generation" as "image-classification", model)).rejects.toThrow("is not known");
  });
});

describe("scores", () => {
  const logits = Float32Array.of(0, Math.log(3));
  const two: BeitConfig = { ...config, labels: ["no", "yes"] };

  it("are a softmax of one label's classes", () => {
    expect(topScores(logits, two, 2)).toEqual([
      { label: "yes", score: expect.closeTo(0.75, 6) },
      { label: "no", score: expect.closeTo(0.25, 6) },
    ]);
  });

  it("are sigmoids where several labels may hold, and values of a regression", () => {
    const several = topScores(logits, { ...two, problemType: "multi_label_classification" }, 2);
    expect(several.map(({ score }) => score)).toEqual([expect.closeTo(0.75, 6), 0.5]);
    expect(topScores(Float32Array.of(-2), { ...two, labels: ["age"], problemType: "regression" }, 1)[0]!.score).toBe(
      -2,
    );
  });
});
