import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { defaultProcessor } from "../image/processor.ts";
import { encodeJpeg } from "../platform/decode.ts";
import { parameterShapes } from "./model.ts";
import { type Classifier, createPredictor } from "./predictor.ts";

const config = parseConfig(
  {
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    image_size: 32,
    patch_size: 16,
  },
  "small",
);
const classifier: Classifier = {
  config,
  processor: defaultProcessor(config.imageSize),
  parameters: initialValues(parameterShapes(config, "classification"), { law: "finetune", seed: 1, headScale: 50 }),
};
const folder = mkdtempSync(join(tmpdir(), "beit-predictor-"));
const [small, large] = [join(folder, "small.jpg"), join(folder, "large.jpg")];

beforeAll(async () => {
  const even = (edge: number, value: number) => ({
    width: edge,
    height: edge,
    data: new Uint8Array(edge * edge * 3).fill(value),
  });
  writeFileSync(small, await encodeJpeg(even(16, 30), 90));
  writeFileSync(large, await encodeJpeg(even(256, 220), 90));
});

describe("predictor", () => {
  it("answers in order, however long a picture takes and whichever thread it goes to", async () => {
    const predictor = await createPredictor(classifier, { workers: 2, batchSize: 3 });
    const pictures = Array.from({ length: 50 }, (_, i) => (i % 11 === 5 ? "gone.jpg" : i % 7 === 0 ? large : small));
    const answers: string[] = [];
    for await (const outcome of predictor.scores(pictures)) {
      answers.push("error" in outcome ? "gone.jpg" : outcome.logits.join());
    }
    await predictor.close();
    const [ofLarge, ofSmall] = [answers[0]!, answers[1]!];
    expect(ofLarge).not.toBe(ofSmall);
    expect(answers).toEqual(
      pictures.map((picture) => (picture === large ? ofLarge : picture === small ? ofSmall : "gone.jpg")),
    );
  });

  it("takes pictures only as fast as answers are fetched", async () => {
    const predictor = await createPredictor(classifier, { workers: 2, batchSize: 4 });
    let taken = 0;
    function* endless() {
      for (;;) {
        taken++;
        yield small;
      }
    }
    let fetched = 0;
    for await (const _ of predictor.scores(endless())) {
      expect(taken - fetched).toBeLessThanOrEqual((3 * 2 + 1) * 4); // the batches under way, and the one being handed out
      if (++fetched === 200) break;
    }
    await predictor.close();
  });

  it("keeps nothing of what is through: memory is flat", async () => {
    const predictor = await createPredictor(classifier, { workers: 2 });
    const count = 2000;
    let rss = 0;
    let done = 0;
    for await (const _ of predictor.scores(Array.from({ length: count }, () => large))) {
      if (++done === 500) rss = process.memoryUsage.rss(); // arenas, heaps and compiled code have their size by now
    }
    const grown = process.memoryUsage.rss() - rss;
    await predictor.close();
    // The 1,500 pictures since then are 295 MB decoded: keeping one in four would show. Allocators vary by tens of MB.
    expect(grown).toBeLessThan(64e6);
  });
});
