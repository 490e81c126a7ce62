import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModel } from "../../src/evaluate/model.ts";
import { beit, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const at = (name: string) => join(cwd, name);
const average = (...args: string[]) => beit(["average", ...args], { cwd });

beforeAll(async () => {
  for (const [i, name] of ["a", "b", "c"].entries()) {
    await writeModel(at(name), { dtype: "float32", seed: i + 1, card: `# Model ${name}\n` });
  }
  await writeModel(at("wide"), { config: { ...smallConfig, intermediateSize: 96 } });
  await writeModel(at("renamed"), { config: { ...smallConfig, labels: ["light", "dark"] } });
  await writeModel(at("headless"), { task: "features" });
});

describe("beit average", () => {
  it("writes the mean of every parameter, with the first model's configuration", async () => {
    expect(await average("a", "b", "c", "-o", "mean")).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("beit: wrote mean: 32 x 32 px, float32"),
    });
    const [mean, ...parts] = await Promise.all(["mean", "a", "b", "c"].map((name) => loadModel(at(name))));
    expect(mean!.config).toEqual(parts[0]!.config);
    expect([...mean!.parameters.keys()]).toEqual([...parts[0]!.parameters.keys()]);
    for (const [name, { data }] of mean!.parameters) {
      const values = parts.map(({ parameters }) => parameters.get(name)!.data);
      for (const [i, value] of data.entries()) {
        expect(value).toBe(Math.fround((values[0]![i]! + values[1]![i]! + values[2]![i]!) / 3));
      }
    }
  });

  it("says in the card what was done", () => {
    expect(readFileSync(at("mean/README.md"), "utf8")).toBe(
      "# Model a\n\n## Average\n\nMean of the weights of a, b, c. Figures above are the first one's.\n",
    );
  });

  it("keeps the recipe of runs that drew their pictures alike, and not of others", async () => {
    for (const [name, seed] of Object.entries({ a: 1, b: 1, c: 2 }))
      writeFileSync(at(`${name}/recipe.json`), `{"seed":${seed}}`);
    expect((await average("a", "b", "-o", "alike")).stderr).not.toContain("recipe.json");
    expect(readFileSync(at("alike/recipe.json"), "utf8")).toBe('{"seed":1}');
    expect((await average("a", "c", "-o", "alike", "--force")).stderr).toContain("recipe.json is left out");
    expect(existsSync(at("alike/recipe.json"))).toBe(false);
  });

  it.each([
    ["another width", "wide", "wide: intermediate_size: expected 64 as in a, got 96"],
    ["other labels", "renamed", 'renamed: id2label: expected {"0":"dark","1":"light"} as in a'],
    ["another task", "headless", "headless: architectures: expected"],
    ["a folder without a model", "nothing", "nothing"],
  ])("refuses %s", async (_, other, words) => {
    expect(await average("a", other, "-o", "refused")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(words),
    });
    await expect(loadModel(at("refused"))).rejects.toThrow();
  });

  it("needs two models, and writes over none unless told to", async () => {
    expect((await average("a", "-o", "alone")).code).toBe(2);
    expect(await average("a", "b", "-o", "mean")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--force"),
    });
    expect((await average("a", "b", "-o", "mean", "--force")).code).toBe(0);
  });
});
