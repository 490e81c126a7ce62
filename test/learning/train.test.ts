import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { drawnBy } from "../../src/cli/drawn.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { train } from "../../src/train/fine-tune.ts";
import { parseRecipe, type Recipe } from "../../src/train/recipe.ts";
import type { RunOptions } from "../../src/train/run.ts";
import { bits, code, newOutput, run as runTo } from "./run.ts";
import { temporaryFolder, writeShapes } from "./shapes.ts";

const cli = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const settings = {
  model: "tiny",
  imageSize: 32,
  epochs: 4,
  batchSize: 16,
  learningRate: 5e-4,
  warmupEpochs: 1,
  labelSmoothing: 0,
  dropPath: 0.1,
  augment: { colorJitter: { brightness: 0.2, contrast: 0.2, saturation: 0 } },
  evaluateEvery: 2,
};
const recipe = (changes: object = {}): Recipe => parseRecipe(settings, { ...changes }, "test");

let shapes: string;
beforeAll(async () => {
  shapes = await writeShapes({ train: 32, validation: 8 });
});

const run = (r: Recipe, options: RunOptions, stop?: number) => runTo((o) => train(shapes, r, o), options, stop);

describe("training", { timeout: 400_000 }, () => {
  it("learns an easy task and keeps the best weights", async () => {
    const folder = newOutput();
    const { events, result } = await run(recipe({ epochs: 6, evaluateEvery: 3 }), { output: folder });
    const evaluations = events.filter((event) => event.kind === "evaluation");
    expect(evaluations.length).toBe(2);
    const best = Math.max(...evaluations.map(({ metrics }) => metrics.balanced_accuracy));
    expect(best).toBeGreaterThanOrEqual(0.95);
    expect(result.state.best?.value).toBe(best);
    expect(await drawnBy(join(folder, "best/model.safetensors"))).toMatchObject({ seed: 42, validationFraction: 0.15 });
    const saved = await loadModel(join(folder, "best"));
    expect(saved.config.labels).toEqual(["cold", "warm"]);
    expect(saved.parameters.get("classifier.weight")!.data).toEqual(
      result.model.parameters.get("classifier.weight")!.data,
    );
  });

  it("learns the same task from a quarter of the patches", async () => {
    const { events } = await run(recipe({ epochs: 6, imageSize: 64, patchesPerCell: 1 }), { output: newOutput() });
    const losses = events.flatMap((event) => (event.kind === "step" ? [event.loss] : []));
    expect(losses.slice(-3).reduce((a, b) => a + b) / 3).toBeLessThan(0.5);
  });

  it.each([
    { ema: null, interruptedAt: 3 },
    { ema: 0.9, interruptedAt: 5 },
  ])("resumes bit for bit, EMA $ema, after step $interruptedAt", async ({ ema, interruptedAt }) => {
    const r = recipe({ ema, epochs: 2 });
    const whole = await run(r, { output: newOutput() });
    const folder = newOutput();
    const first = await run(r, { output: folder }, interruptedAt);
    expect(first.result.interrupted).toBe(true);
    expect(first.events.at(-1)).toEqual({ kind: "interrupted", step: interruptedAt });
    const second = await run(r, { output: folder, resume: true });
    expect(bits(second.result)).toEqual(bits(whole.result));
    expect(second.result.state.history).toEqual(whole.result.state.history);
    expect(second.result.state.lossSum).toBe(whole.result.state.lossSum);
  });

  it("goes on with the layout it began with, and names the one it goes on with", async () => {
    const [r, folder] = [recipe({ epochs: 1 }), newOutput()];
    const layouts = [{ workers: 1, threads: 1 }, {}, { threads: 2 }, {}];
    const found: unknown[] = [];
    for (const [i, layout] of layouts.entries()) {
      const { result } = await run(r, { output: folder, resume: true, ...layout }, i + 1);
      found.push(result.state.layout);
    }
    const [one, two] = [1, 2].map((threads) => ({ workers: 1, threads }));
    expect(found).toEqual([one, one, two, two]);
  });

  it.each([undefined, 1])(
    "goes on without pictures that cannot be read, and names them (train layers %s)",
    async (trainLayers) => {
      const root = await writeShapes({ train: 32, validation: 8 });
      const bad = ["train/warm", "validation/cold"].map((folder) => join(root, folder, "bad.jpg"));
      for (const file of bad) writeFileSync(file, "not a picture");
      const r = recipe({ epochs: 2, evaluateEvery: 1, ...(trainLayers && { trainLayers, augment: null }) });
      const { events, result } = await runTo((o) => train(root, r, o), { output: newOutput() });
      const told = events.flatMap((event) => (event.kind === "unreadable" ? event.messages : []));
      expect(told.length).toBe(2); // once each, though they come in every epoch
      for (const file of bad) expect(told.join()).toContain(file);
      expect(events.flatMap((event) => (event.kind === "evaluation" ? [event.metrics.samples] : []))).toEqual([16, 16]);
      expect(result.data.validation.length).toBe(17);
    },
  );

  it("evaluates once each time a fraction of an epoch is full, and at the end", async () => {
    const { events } = await run(recipe({ epochs: 1.75, evaluateEvery: 0.875 }), { output: newOutput() });
    const steps = events.flatMap((event) => (event.kind === "evaluation" ? [event.step] : []));
    expect(steps).toEqual([4, 7]); // 3.5 steps each
  });

  it("stops on a loss that is not finite, by step and name", async () => {
    const failed = run(recipe({ learningRate: 1e30, warmupEpochs: 0, clipNorm: null }), { output: newOutput() });
    await expect(failed).rejects.toThrow(/^step \d+: the (loss|gradient of [\w.]+).* is not finite/);
  });

  it("refuses to share its folder, another recipe, and a batch larger than the data", async () => {
    const folder = newOutput();
    const generator = train(shapes, recipe(), { output: folder });
    await generator.next();
    expect(await code(run(recipe(), { output: folder }))).toBe("run/locked");
    await generator.return(undefined as never);
    await run(recipe({ epochs: 1 }), { output: folder });
    expect(await code(run(recipe({ epochs: 2 }), { output: folder, resume: true }))).toBe("run/other-recipe");
    expect(await code(run(recipe({ batchSize: 512 }), { output: newOutput() }))).toBe("recipe/batch-too-large");
  });
});

describe("beit train", { timeout: 400_000 }, () => {
  const file = () => {
    const path = join(temporaryFolder(), "recipe.json");
    writeFileSync(path, JSON.stringify(settings));
    return path;
  };
  const args = (folder: string, recipeFile: string) => [
    cli,
    "train",
    shapes,
    "-o",
    folder,
    "-r",
    recipeFile,
    "--save-every",
    "3",
  ];
  const weights = (folder: string) => readFileSync(join(folder, "model.safetensors"));

  /** Starts a run and waits until a line of its progress matches. */
  const started = (folder: string, recipeFile: string, pattern: RegExp) => {
    const child = spawn(process.execPath, args(folder, recipeFile), { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const seen = new Promise<void>((resolve) => {
      let text = "";
      child.stderr.on("data", (chunk) => {
        text += chunk;
        if (pattern.test(text)) resolve();
      });
      child.once("exit", () => resolve());
    });
    return { child, ended, seen };
  };

  it("killed and resumed, it ends with the same file as an undisturbed run", async () => {
    const recipeFile = file();
    const whole = newOutput();
    const printed = execFileSync(process.execPath, args(whole, recipeFile), {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(printed).toContain("***** train metrics *****");
    expect(JSON.parse(readFileSync(join(whole, "eval_results.json"), "utf8"))).toHaveProperty("eval_accuracy");
    const folder = newOutput();
    const { child, ended, seen } = started(folder, recipeFile, /step 10\//);
    await seen;
    child.kill("SIGKILL");
    await ended;
    expect(existsSync(join(folder, "model.safetensors"))).toBe(false);
    execFileSync(process.execPath, [...args(folder, recipeFile), "--resume"], { stdio: "ignore" });
    expect(weights(folder).equals(weights(whole))).toBe(true);
    expect(readdirSync(folder).filter((name) => name.includes("tmp") || name === ".lock")).toEqual([]);
  });

  it("saves on Ctrl-C and exits 130; without --resume it refuses to start over", async () => {
    const recipeFile = file();
    const folder = newOutput();
    const { child, ended, seen } = started(folder, recipeFile, /pictures an epoch/);
    await seen;
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(readdirSync(folder).some((name) => /^checkpoint-\d+$/.test(name))).toBe(true);
    const again = started(folder, recipeFile, /resume/);
    expect(await again.ended).toBe(1);
  });
});
