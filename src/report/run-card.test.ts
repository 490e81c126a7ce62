import { describe, expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { defaultProcessor } from "../image/processor.ts";
import type { TrainResult } from "../train/fine-tune.ts";
import { parseRecipe, stagesOf } from "../train/recipe.ts";
import { evaluationReport } from "./evaluate.ts";
import type { RunSummary } from "./run.ts";
import { runCard, settingRows } from "./run-card.ts";

const classes = ["across", "a|long"];
const sample = (label: number, source = "here") => ({ path: "", id: `${label}.png`, label, attributes: { source } });
const samples = [sample(0), sample(0), sample(1)];
const validation = [sample(0), sample(1, "there")];

/** A run's summary without running: figures are arbitrary. */
function summary(settings: object = {}, changes: Partial<RunSummary> = {}): RunSummary {
  const config = { ...presets.tiny, imageSize: [32, 32] as const, labels: classes };
  const result = {
    model: { config, processor: defaultProcessor(32), parameters: new Map() },
    data: { classes, samples, validation, epochLength: 3 },
    state: { history: [] },
    totalSteps: 2,
    interrupted: false,
  } as unknown as TrainResult;
  const scored = { logits: Float32Array.of(2, 0, 0, 1), labels: Int32Array.of(0, 1), classes };
  const recipe = parseRecipe({ model: "tiny", imageSize: 32, ...settings }, {}, "test");
  return {
    output: "runs/my run/",
    dataset: "/home/alice/shapes",
    recipe,
    stage: stagesOf(recipe, "test").at(-1)!,
    result,
    results: [result],
    report: evaluationReport({ samples: validation, scored, runtimeSeconds: 1 }, { model: "m", dataset: "d" }),
    accounting: {
      runtimeSeconds: 10,
      trainImages: 3,
      batchSize: 1,
      plannedEpochs: 2,
      stepsPerEpoch: 3,
      plannedSteps: 6,
      steps: 6,
      images: 6,
      pixelsPerImage: 3072,
      parameters: 5_526_914,
      forwardMacs: 1e6,
      trainLoss: 0.5,
    },
    trainMetrics: { epoch: 2 },
    evalMetrics: { epoch: 2 },
    hasOnnx: true,
    ...changes,
  };
}

describe("runCard", () => {
  it("names things without telling where they lay", () => {
    const card = runCard(summary());
    expect(card).toMatchObject({
      name: "my run",
      title: "BEiT image classifier: across or a|long",
      onnx: true,
      recipe: { command: "npx beit train shapes -o 'my run' -r recipe.json" },
      usage: { cli: "npx beit predict photo.jpg --model 'my run'" },
    });
    expect(card).not.toHaveProperty("origin");
    expect(JSON.stringify(card)).not.toContain("alice");
  });

  it("describes the model", () => {
    const card = runCard(summary({ patchesPerCell: 2 }));
    expect(card.description).toBe(
      "Tells apart across and a\\|long. A BEiT (tiny: 12 layers of width 192; input 32 x 32 px), trained from scratch " +
        "with beit, in TypeScript on a CPU. Each training step looked at 2 of every 4 patches.",
    );
    const staged = summary({ epochs: 3, later: [{ imageSize: 64, epochs: 1 }] });
    const results = [90, 3600].map((seconds) => ({ state: { seconds } })) as unknown as RunSummary["results"];
    expect(runCard({ ...staged, results }).description).toContain(
      "on a CPU. Trained in 2 stages (32 px, 3 epochs, 1 min 30 s; 64 px, 1 epoch, 1 h 00 min); training metrics are",
    );
    expect(card.architecture).toEqual([
      ["family", "BEiT (Bao, Dong, Wei 2021)"],
      ["input", "32 x 32 px, RGB"],
      ["patches", "2 x 2 of 16 px"],
      ["layers", "12"],
      ["width", "192, 768 in the feed-forward part"],
      ["heads", "3"],
      ["positions", "relative bias shared by the layers"],
      ["pooling", "mean of the patches"],
      ["parameters", "5,526,914"],
      // 12 (5 (4·192² + 2·192·768) + 2·5²·192) + 4·768·192 + 192·2
      ["forward pass", "27.2 MMAC an image"],
    ]);
  });

  it("tells where a checkpoint came from", () => {
    const card = runCard(summary({ model: "/home/alice/models/beit-base" }));
    expect(card.origin).toBe("beit-base");
    expect(card.description).toContain("(12 layers of width 192; input 32 x 32 px), fine-tuned from beit-base with");
    expect(card.recipe.settings[0]).toEqual(["model", "beit-base"]);
  });

  it("counts the data by class and says how it was split", () => {
    const { data } = runCard(summary());
    expect(data).toMatchObject({ name: "shapes", trainImages: 3, evalImages: 2, evalSplit: "validation" });
    expect(data.description).toMatchInlineSnapshot(`
      "| class | trained on | validated on |
      | --- | ---: | ---: |
      | across | 2 | 1 |
      | a\\|long | 1 | 1 |

      Validated on the data set's own validation split; where it has none, on 15 % of it, drawn by class with seed 42."
    `);
  });

  it("says what was kept out, added and painted", () => {
    const card = runCard(
      summary({
        holdout: { key: "source", values: ["there", "elsewhere"] },
        extra: [{ split: "unlabelled", label: "across" }],
        balance: { by: ["source", "label"] },
        occlusion: "recipes/x.json",
      }),
    );
    expect(card.data.description).toContain(
      "Kept out of training and validated on: pictures whose source is there, elsewhere. The split unlabelled joined " +
        "the training pictures as across. Pictures were drawn so that source, label are more evenly mixed than in the " +
        "data. Masks and other things were painted over faces in training, which may change their label.",
    );
    expect(card.limits).toContain("Some of what it learnt of masks it learnt from painted ones.");
    expect(card.limits[1]).toContain("a source kept out of training");
  });
});

it("settingRows: every key of the recipe, as text", () => {
  const rows = new Map(settingRows(parseRecipe({ ema: 0.9, occlusion: "a/b.json" }, {}, "test")));
  expect(rows.get("ema")).toBe("0.9");
  expect(rows.get("schedule")).toBe("cosine");
  expect(rows.get("augment")).toMatch(/^\{"crop":/);
  expect(rows.get("occlusion")).toBe("b.json");
});
