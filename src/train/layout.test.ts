import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { presets } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { parameterShapes } from "../evaluate/model.ts";
import { fineTuneStep } from "./fine-tune-step.ts";
import { candidateLayouts, chooseLayout, fastestLayout, type LayoutOptions, type Spread } from "./layout.ts";
import { parseRecipe } from "./recipe.ts";

vi.mock(import("node:os"), async (original) => {
  const os = await original();
  return { ...os, homedir: vi.fn(os.homedir) };
});
vi.mock(import("../platform/machine.ts"), async (original) => ({ ...(await original()), coreCount: () => 2 }));

describe("layouts worth trying", () => {
  const text = (cores: number, micros: number, wide = false) =>
    candidateLayouts(cores, micros, wide).map(({ workers, threads }) => `${workers}x${threads}`);

  it("begin with a worker a core for narrow models, and never leave a worker without micro-batches", () => {
    expect(text(1, 8)).toEqual(["1x1"]);
    expect(text(2, 8)).toEqual(["2x1", "1x2"]);
    expect(text(3, 8)).toEqual(["3x1", "2x1", "1x3"]);
    expect(text(16, 4)).toEqual(["4x4", "2x8", "1x16", "4x2", "2x4", "1x8"]);
  });

  it("keep the weights of wide models in one worker", () => {
    expect(text(2, 2, true)).toEqual(["1x2"]);
    expect(text(16, 2, true)).toEqual(["1x16", "1x8"]);
  });
});

it("another layout than the usual one has to be clearly faster", () => {
  const [usual, other] = candidateLayouts(2, 8, false) as [{ workers: 2; threads: 1 }, { workers: 1; threads: 2 }];
  const chosen = (ms: number) =>
    fastestLayout([
      [usual, 100],
      [other, ms],
    ]);
  expect([chosen(110), chosen(97), chosen(90)]).toEqual([usual, usual, other]);
});

describe("the layout of a run", () => {
  const config = {
    ...presets.tiny,
    imageSize: [32, 32] as const,
    hiddenSize: 24,
    numLayers: 1,
    intermediateSize: 48,
    labels: ["no", "yes"],
  };
  const step = fineTuneStep(config, 1);
  const task: Spread = {
    ...step,
    recipe: parseRecipe({ model: "tiny", batchSize: 4 }, {}, "test"),
    microBatch: 1,
    wide: false,
    parameters: initialValues(parameterShapes(config, "classification"), { law: "finetune", seed: 3, headScale: 1 }),
  };
  let cache: string;
  const remarks: string[] = [];
  const choose = (steps: number, options: Omit<LayoutOptions, "steps"> = {}) =>
    chooseLayout(task, { steps, onRemark: (text) => remarks.push(text), ...options });
  const file = () => join(cache, "beit", "layouts.json");

  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), "beit-layouts-"));
    vi.stubEnv("XDG_CACHE_HOME", cache);
    remarks.length = 0;
  });

  it("is what options name, or the usual one for a short run: nothing is measured", async () => {
    expect(await choose(1000, { workers: 1 })).toEqual({ workers: 1, threads: 2 });
    expect(await choose(1000, { workers: 9, threads: 3 })).toEqual({ workers: 4, threads: 3 });
    expect(await choose(1000, { threads: 2 })).toEqual({ workers: 2, threads: 2 });
    expect(await choose(199)).toEqual({ workers: 2, threads: 1 });
    expect(remarks).toEqual([]);
  });

  it("is measured once, with the figures told, and the same from then on", async () => {
    const before = [...task.parameters].map(([name, { data }]) => [name, [...data]]);
    const measured = await choose(200);
    expect(remarks).toEqual([
      "measuring how to spread a step over 2 cores, once for such a model on this machine",
      expect.stringMatching(/^a step takes: 2 x 1 threads \d+\.\d\d s, 1 x 2 threads .* kept in .*layouts\.json$/),
    ]);
    expect([...task.parameters].map(([name, { data }]) => [name, [...data]])).toEqual(before);
    const [key, kept] = Object.entries(JSON.parse(readFileSync(file(), "utf8")))[0]!;
    expect(kept).toEqual(measured);
    for (const other of [{ workers: 7, threads: 1 }, "what is no layout"]) {
      writeFileSync(file(), JSON.stringify({ [key]: { workers: 1, threads: 2 }, other }));
      expect(await choose(1)).toEqual({ workers: 1, threads: 2 });
    }
    expect(remarks).toHaveLength(2);
  });

  it("is measured anew where the file is damaged, which costs nothing else", async () => {
    await choose(200);
    writeFileSync(file(), '{"x": {"workers": 0}');
    await choose(200);
    expect(remarks).toHaveLength(4);
    expect(Object.keys(JSON.parse(readFileSync(file(), "utf8")))).toHaveLength(1);
  });

  it("is used, and said not to be kept, where the folder cannot be written", async () => {
    writeFileSync(join(cache, "beit"), "a file");
    const { workers, threads } = await choose(200);
    expect(remarks[1]).toMatch(
      new RegExp(`from now on ${workers} x ${threads} threads \\(not kept: .*cannot be written`),
    );
  });

  it("is the usual one, not kept, where measuring is interrupted", async () => {
    const abort = new AbortController();
    const chosen = choose(200, { signal: abort.signal });
    abort.abort();
    expect(await chosen).toEqual({ workers: 2, threads: 1 });
    expect([remarks.length, existsSync(file())]).toEqual([1, false]);
  });

  it("needs no home folder", async () => {
    vi.stubEnv("XDG_CACHE_HOME", "");
    const { homedir } = await import("node:os");
    vi.mocked(homedir).mockImplementationOnce(() => {
      throw new Error("uv_os_homedir returned ENOENT");
    });
    expect(await choose(10)).toEqual({ workers: 2, threads: 1 });
  });
});
