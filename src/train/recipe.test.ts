import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { AugmentRecipe } from "../image/augment.ts";
import { fromCheckpoint, fromScratch, parseRecipe, Recipe, stagesOf } from "./recipe.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const shipped = readdirSync(new URL("../../recipes/", import.meta.url)).filter(
  (name) => !/occlusion|-(tokenizer|pretrain)\./.test(name),
);

describe("parseRecipe", () => {
  it("fills in defaults; the command line wins over the file", () => {
    const recipe = parseRecipe({ epochs: 3, seed: 1 }, { seed: 2 }, "file");
    expect(recipe).toMatchObject({ model: "pretrained", epochs: 3, seed: 2, augment: { flip: 0.5 } });
  });

  it("has other defaults where the weights are fresh", () => {
    expect(parseRecipe({ model: "tiny" }, {}, "r")).toMatchObject({
      optimizer: "muon",
      learningRate: 1e-3,
      locality: true,
    });
    expect(parseRecipe({ optimizer: "adamw" }, { model: "base" }, "r")).toMatchObject({
      optimizer: "adamw",
      init: "mimetic",
    });
    for (const model of ["pretrained", "runs/mask", "constructor"]) {
      expect(parseRecipe({}, { model }, "r")).toMatchObject({
        optimizer: "adamw",
        learningRate: 5e-4,
        dropPath: 0.1,
        layerDecay: 0.75,
      });
      expect(parseRecipe({ layerDecay: 1 }, { model }, "r").layerDecay).toBe(1);
    }
  });

  it("names the key that is wrong, what was expected and what came", () => {
    expect(() => parseRecipe({ epochs: -1 }, {}, "r.json")).toThrow(/^r\.json: .*expected number to be >0.*epochs/);
    expect(() => parseRecipe({ epoch: 1 }, {}, "r.json")).toThrow(/^r\.json: .*Unrecognized key: "epoch"/);
  });

  it.each(shipped)("reads recipes/%s", (name) => {
    expect(() => parseRecipe(JSON.parse(read(`recipes/${name}`)), {}, name)).not.toThrow();
  });
});

describe("docs/recipes.md", () => {
  const rows = new Map(
    [...read("docs/recipes.md").matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, key, value]) => [key!, value!]),
  );
  const defaults: Record<string, unknown> = { ...AugmentRecipe.parse({}), ...Recipe.parse({}) };

  it("has every key and no other", () => {
    const keys = [...Object.keys(Recipe.shape).filter((key) => key !== "augment"), ...Object.keys(AugmentRecipe.shape)];
    expect([...rows.keys()].sort()).toEqual(keys.sort());
  });

  it("tells the defaults of fresh weights", () => {
    const [, list] = /that is where `model` is a preset, these hold instead:\s(.*?)\.\n\n/s.exec(
      read("docs/recipes.md"),
    )!;
    const told = [...list!.matchAll(/`(\w+)`\s`([^`]+)`/g)].map(([, key, value]) => [key, JSON.parse(value!)]);
    expect(Object.fromEntries(told)).toEqual(fromScratch);
    expect(read("docs/recipes.md")).toContain(
      `\`layerDecay\` is \`${fromCheckpoint.layerDecay}\` where \`model\` is a checkpoint`,
    );
  });

  it("tells the defaults", () => {
    const wrong = [...rows].filter(([key, text]) => {
      const code = /^`(.*)`$/.exec(text);
      return code ? JSON.stringify(defaults[key]) !== JSON.stringify(JSON.parse(code[1]!)) : key in defaults;
    });
    expect(wrong).toEqual([]);
  });
});

describe("stagesOf", () => {
  it("lays each later stage over the first", () => {
    const recipe = parseRecipe({ imageSize: 112, epochs: 9, later: [{ imageSize: 224, epochs: 1 }] }, {}, "r");
    const stages = stagesOf(recipe, "r");
    expect(stages.map(({ imageSize, epochs, batchSize, later }) => [imageSize, epochs, batchSize, later])).toEqual([
      [112, 9, 32, []],
      [224, 1, 32, []],
    ]);
  });

  it("names the stage and the key that is wrong", () => {
    const stages = (changes: object) => stagesOf(parseRecipe({ later: [{}, changes] }, {}, "r.json"), "r.json");
    expect(() => stages({ seed: 2 })).toThrow("r.json, stage 3: seed is the same in all stages");
    expect(() => stages({ epochs: -1 })).toThrow(/^r\.json, stage 3: .*expected number to be >0.*epochs/);
  });
});
