import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { PretrainRecipe, parsePretrainRecipe } from "./pretrain-recipe.ts";
import { Recipe } from "./recipe.ts";
import { parseTokenizerRecipe, TokenizerRecipe } from "./tokenizer-recipe.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), "utf8");
const page = read("docs/pretraining.md");

/** Rows of the table under a command's heading: key and default. */
function rowsOf(command: string): Map<string, string> {
  const section = page.split(`### \`beit ${command}\``)[1]!.split("\n### ")[0]!;
  return new Map([...section.matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, key, value]) => [key!, value!]));
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

describe.each([
  ["tokenizer", TokenizerRecipe],
  ["pretrain", PretrainRecipe],
] as const)("docs/pretraining.md on beit %s", (command, schema: z.ZodObject) => {
  const rows = rowsOf(command);
  const defaults = schema.parse({}) as Record<string, unknown>;
  const general = Recipe.parse({}) as Record<string, unknown>;

  it("names every key that recipes.md does not explain as it is", () => {
    const missing = Object.keys(schema.shape).filter((key) => !rows.has(key) && !same(defaults[key], general[key]));
    expect(missing).toEqual([]);
    expect([...rows.keys()].filter((key) => !(key in schema.shape))).toEqual([]);
  });

  it("tells the defaults", () => {
    const wrong = [...rows].filter(([key, text]) => {
      const code = /^`(.*)`$/.exec(text);
      return code ? !same(defaults[key], JSON.parse(code[1]!)) : key !== "augment" && key in defaults;
    });
    expect(wrong).toEqual([]);
  });
});

describe("recipes", () => {
  it.each([
    ["tokenizer", parseTokenizerRecipe],
    ["pretrain", parsePretrainRecipe],
  ] as const)("of beit %s that are shipped are read", (kind, parse) => {
    const shipped = readdirSync(new URL("recipes/", root)).filter((name) => name.endsWith(`-${kind}.json`));
    for (const name of shipped) expect(() => parse(JSON.parse(read(`recipes/${name}`)), {}, name)).not.toThrow();
  });

  it("are refused with unknown keys by name", () => {
    expect(() => parseTokenizerRecipe({ temprature: 1 }, {}, "r.json")).toThrow(/^r\.json: .*temprature/);
    expect(() => parsePretrainRecipe({ target: "words" }, {}, "r.json")).toThrow(/^r\.json: .*tokens.*pixels/);
  });
});
