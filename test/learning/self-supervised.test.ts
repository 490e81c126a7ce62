import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/evaluate/model.ts";
import type { ReconstructionMetrics } from "../../src/evaluate/reconstruction.ts";
import { loadTokenizer } from "../../src/evaluate/tokenizer.ts";
import { encodePng } from "../../src/platform/decode.ts";
import type { RunEvent } from "../../src/train/events.ts";
import { train } from "../../src/train/fine-tune.ts";
import { pretrain } from "../../src/train/pretrain.ts";
import { parsePretrainRecipe } from "../../src/train/pretrain-recipe.ts";
import { parseRecipe } from "../../src/train/recipe.ts";
import type { RunOptions } from "../../src/train/run.ts";
import { trainTokenizer } from "../../src/train/tokenizer.ts";
import { parseTokenizerRecipe } from "../../src/train/tokenizer-recipe.ts";
import { bits, code, newOutput, run } from "./run.ts";
import { temporaryFolder } from "./shapes.ts";

const EDGE = 32;

/** Pictures of four flat quarters, the right ones equal to the left: a masked half can be told from the other. */
async function writeQuarters(count: number): Promise<string> {
  const root = temporaryFolder();
  mkdirSync(join(root, "deep", "er"), { recursive: true });
  for (let i = 0; i < count; i++) {
    const [upper, lower] = [[40, 220, 90][i % 3]!, [200, 60, 130][Math.floor(i / 3) % 3]!];
    const data = Uint8Array.from({ length: 3 * EDGE * EDGE }, (_, j) => (j < 1.5 * EDGE * EDGE ? upper : lower));
    const name = i % 2 ? `${i}.png` : join("deep", "er", `${i}.png`);
    writeFileSync(join(root, name), await encodePng({ width: EDGE, height: EDGE, data }));
  }
  return root;
}

const tokenizerRecipe = (changes: Record<string, unknown> = {}) =>
  parseTokenizerRecipe(
    {
      imageSize: EDGE,
      epochs: 12,
      batchSize: 8,
      learningRate: 3e-3,
      warmupEpochs: 1,
      divergenceWeight: 1,
      diversityWeight: 0, // these pictures do not have a thousand different places
      ema: null,
      augment: {},
      validationFraction: 0.1,
      evaluateEvery: 6,
    },
    changes,
    "test",
  );
const pretrainRecipe = (tokenizer: string, changes: Record<string, unknown> = {}) =>
  parsePretrainRecipe(
    {
      tokenizer,
      imageSize: EDGE,
      epochs: 2,
      batchSize: 16,
      warmupEpochs: 0.5,
      augment: { flip: 0.5 },
      validationFraction: 0.1,
    },
    changes,
    "test",
  );

const evaluations = <M>(events: readonly RunEvent<M>[]) =>
  events.flatMap((event) => (event.kind === "evaluation" ? [event.metrics] : []));

let pictures: string;
let tokenizer: string; // folder of a trained one
let learnt: { events: RunEvent<ReconstructionMetrics>[] };

beforeAll(async () => {
  pictures = await writeQuarters(96);
  const output = newOutput();
  learnt = await run((options) => trainTokenizer(pictures, tokenizerRecipe(), options), { output });
  tokenizer = join(output, "best");
}, 400_000);

describe("training a tokenizer", { timeout: 400_000 }, () => {
  it("learns to reconstruct pictures it has not seen, from several codes", async () => {
    const start = learnt.events.find((event) => event.kind === "start")!;
    expect(start).toMatchObject({ samples: 86, validation: 10, classes: [], from: "tiny", loaded: 0 });
    const last = evaluations(learnt.events).at(-1)!;
    expect(last.error).toBeLessThan(0.035); // each quarter's mean over all pictures alone: 0.07
    expect(last.perplexity).toBeGreaterThan(1.5);
    const { config, parts } = await loadTokenizer(tokenizer);
    expect(config).toMatchObject({ imageSize: EDGE, vocabSize: 1024 });
    expect(parts).toEqual(["encoder", "decoder"]);
  });

  it("resumes bit for bit", async () => {
    const recipe = tokenizerRecipe({ epochs: 2, ema: 0.9, evaluateEvery: 1 });
    const start = (options: RunOptions) => trainTokenizer(pictures, recipe, options);
    const whole = await run(start, { output: newOutput() });
    const output = newOutput();
    expect((await run(start, { output }, 4)).result.interrupted).toBe(true);
    const second = await run(start, { output, resume: true });
    expect(bits(second.result)).toEqual(bits(whole.result));
    expect(second.result.state.history).toEqual(whole.result.state.history);
    expect(await code(run((o) => trainTokenizer(pictures, { ...recipe, seed: 1 }, o), { output, resume: true }))).toBe(
      "run/other-recipe",
    );
  });

  it("goes on without pictures that cannot be read, and names them", async () => {
    const root = await writeQuarters(30);
    writeFileSync(join(root, "broken.jpg"), "not a picture");
    mkdirSync(join(root, "validation"));
    for (const name of ["1.png", "3.png"]) renameSync(join(root, name), join(root, "validation", name));
    const recipe = tokenizerRecipe({ epochs: 2, batchSize: 4 });
    const { events } = await run((o) => trainTokenizer(root, recipe, o), { output: newOutput() });
    const told = events.flatMap((event) => (event.kind === "unreadable" ? [event] : []));
    expect(told.length).toBe(1); // once, though it comes in every epoch
    expect(told[0]!.total).toBe(1);
    expect(told[0]!.messages[0]).toContain("broken.jpg");
    expect(events.filter((event) => event.kind === "step").every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it.each(["a tokenizer", "an encoder"])(
    "%s is measured without held-out pictures that cannot be read, by name",
    async (what) => {
      const root = await writeQuarters(10);
      mkdirSync(join(root, "validation"));
      renameSync(join(root, "1.png"), join(root, "validation", "good.png"));
      writeFileSync(join(root, "validation", "broken.jpg"), "not a picture");
      const few = { epochs: 1, batchSize: 3 };
      const { events } = await (what === "a tokenizer"
        ? run((o) => trainTokenizer(root, tokenizerRecipe(few), o), { output: newOutput() })
        : run((o) => pretrain(root, pretrainRecipe(tokenizer, few), o), { output: newOutput() }));
      const told = events.flatMap((event) => (event.kind === "unreadable" ? event.messages : []));
      expect(told).toEqual([expect.stringContaining("broken.jpg")]);
    },
  );

  it.each([
    ["an empty folder", "dataset/no-images", () => temporaryFolder()],
    ["a folder that is not there", "dataset/missing", () => join(temporaryFolder(), "absent")],
  ])("refuses %s", async (_, expected, root) => {
    const output = newOutput();
    expect(await code(run((o) => trainTokenizer(root(), tokenizerRecipe(), o), { output }))).toBe(expected);
  });
});

describe("pre-training", { timeout: 400_000 }, () => {
  it("learns to predict visual tokens of masked patches, and a classifier starts from it", async () => {
    const output = newOutput();
    const recipe = pretrainRecipe(tokenizer, { epochs: 12, evaluateEvery: 6, optimizer: "muon", init: "mimetic" });
    const { events, result } = await run((o) => pretrain(pictures, recipe, o), { output });
    const { loss, tokens } = evaluations(events).at(-1)!;
    expect(tokens!.vocabulary).toBe(1024);
    expect(loss).toBeLessThan(0.95 * tokens!.blindLoss);
    expect(tokens!.accuracy).toBeGreaterThanOrEqual(tokens!.blindAccuracy);
    const saved = await loadModel(join(output, "best"));
    expect(saved.task).toBe("masked-image-modelling");
    expect(saved.config).toMatchObject({ vocabSize: 1024, useMaskToken: true });
    expect(saved.parameters.get("lm_head.weight")!.data).toEqual(result.model.parameters.get("lm_head.weight")!.data);
    const labelled = temporaryFolder();
    for (const label of ["a", "b"]) {
      mkdirSync(join(labelled, label));
      for (let i = 1; i < 20; i += 2) {
        writeFileSync(join(labelled, label, `${i}.png`), readFileSync(join(pictures, `${i}.png`)));
      }
    }
    const fineTuning = parseRecipe(
      { model: join(output, "best"), imageSize: EDGE, epochs: 1, batchSize: 4 },
      {},
      "test",
    );
    const fineTuned = await run((o) => train(labelled, fineTuning, o), { output: newOutput() });
    const start = fineTuned.events.find((event) => event.kind === "start")!;
    const encoder = [...saved.parameters.keys()].filter((name) => name.startsWith("beit."));
    expect(start.loaded).toBe(encoder.length); // all but its head and the norm before it
    const mask = "beit.embeddings.mask_token";
    expect(fineTuned.result.model.parameters.get(mask)!.data).toEqual(saved.parameters.get(mask)!.data);
  });

  it("can give every layer the shared position table as its own", async () => {
    const output = newOutput();
    const { result } = await run((o) => pretrain(pictures, pretrainRecipe(tokenizer, { epochs: 1 }), o), { output });
    const { startClassifier } = await import("../../src/train/fine-tune.ts");
    const recipe = parseRecipe(
      { model: join(output, "best"), imageSize: EDGE, positionBiasPerLayer: true },
      {},
      "test",
    );
    const { config, parameters } = await startClassifier(recipe, ["a", "b"]);
    expect(config).toMatchObject({ useSharedRelativePositionBias: false, useRelativePositionBias: true });
    const table = "relative_position_bias.relative_position_bias_table";
    const shared = result.model.parameters.get(`beit.encoder.${table}`)!.data;
    expect(shared.some((value) => value !== 0)).toBe(true);
    for (let i = 0; i < 12; i++) {
      expect(parameters.get(`beit.encoder.layer.${i}.attention.attention.${table}`)!.data).toEqual(shared);
    }
  });

  it("resumes bit for bit, drop-path, masks and tokens included", async () => {
    const recipe = pretrainRecipe(tokenizer, { ema: 0.9 });
    const start = (options: RunOptions) => pretrain(pictures, recipe, options);
    const whole = await run(start, { output: newOutput() });
    const output = newOutput();
    expect((await run(start, { output }, 3)).result.interrupted).toBe(true);
    const second = await run(start, { output, resume: true });
    expect(bits(second.result)).toEqual(bits(whole.result));
    expect(second.result.state.history).toEqual(whole.result.state.history);
  });

  it("predicts pixels without a tokenizer", async () => {
    const recipe = parsePretrainRecipe(
      { target: "pixels", masking: "random", imageSize: EDGE, epochs: 4, batchSize: 16, augment: {}, evaluateEvery: 2 },
      {},
      "test",
    );
    const { events } = await run((o) => pretrain(pictures, recipe, o), { output: newOutput() });
    const losses = evaluations(events).map(({ loss }) => loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    expect(evaluations(events)[0]!.tokens).toBeUndefined();
  });

  it("refuses what does not fit, by name", async () => {
    const attempt = (changes: Record<string, unknown>, name = tokenizer) =>
      code(run((o) => pretrain(pictures, pretrainRecipe(name, changes), o), { output: newOutput() }));
    expect(await attempt({ tokenizerImageSize: 112 })).toBe("recipe/grid");
    expect(await attempt({ target: "pixels", augment: { erasing: { probability: 1 } } })).toBe("recipe/invalid");
    expect(await attempt({}, join(temporaryFolder(), "absent"))).toBe("model/missing");
    expect(await attempt({}, temporaryFolder())).toBe("model/not-tokenizer");
    expect(await attempt({ imageSize: 40 })).toBe("config/invalid");
    expect(existsSync(join(tokenizer, "config.json"))).toBe(true);
  });
});
