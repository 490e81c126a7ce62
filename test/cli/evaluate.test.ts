import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { beit, jpeg, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const run = (...args: string[]) => beit(["evaluate", "model", ...args], { cwd });

beforeAll(async () => {
  await writeModel(join(cwd, "model"));
  for (const [split, count] of [
    ["train", 1],
    ["validation", 6],
  ] as const) {
    for (const [label, brightness] of [
      ["dark", 40],
      ["light", 215],
    ] as const) {
      const folder = join(cwd, "data", split, label);
      mkdirSync(folder, { recursive: true });
      for (let i = 0; i < count; i++) writeFileSync(join(folder, `${i}.jpg`), await jpeg(brightness, `${label}${i}`));
    }
  }
});

describe("beit evaluate", () => {
  it("reports what predict says, as JSON", async () => {
    const [evaluated, predicted] = await Promise.all([
      run("data", "--json"),
      beit(["predict", "data/validation", "-m", "model", "-f", "jsonl"], { cwd }),
    ]);
    const report = JSON.parse(evaluated.stdout);
    const rows = predicted.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const scores = rows.map(
      ({ file, predictions }: { file: string; predictions: { label: string; score: number }[] }) => {
        const truth = file.split("/")[2]!;
        return {
          right: predictions[0]!.label === truth,
          score: predictions.find(({ label }) => label === truth)!.score,
        };
      },
    );
    expect(evaluated.code).toBe(0);
    expect(report).toMatchObject({ samples: 12, split: "validation", labels: ["dark", "light"], unreadable: [] });
    expect(report.accuracy).toBeCloseTo(scores.filter(({ right }) => right).length / 12, 12);
    expect(report.loss).toBeCloseTo(
      scores.reduce((sum, { score }) => sum - Math.log(score) / 12, 0),
      5,
    );
    expect(report.confusion_matrix.flat().reduce((a: number, b: number) => a + b)).toBe(12);
    expect(Object.keys(report)).toEqual(
      expect.arrayContaining(["balanced_accuracy", "per_class", "expected_calibration_error", "confidence_intervals"]),
    );
  });

  it("prints tables and Trainer's block; writes a page", async () => {
    const { code, stdout } = await run("data", "--html", "report.html", "--by", "split");
    expect(code).toBe(0);
    expect(stdout).toContain("model on data, split validation");
    expect(stdout).toMatch(/by split +images +accuracy/);
    expect(stdout).toMatch(/\*{5} eval metrics \*{5}\n {2}eval_accuracy +=/);
    expect(stdout).toMatch(/eval_runtime += {1,2}\d:\d\d:\d\d\.\d\d/);
    expect(readFileSync(join(cwd, "report.html"), "utf8")).toMatch(/^<!doctype html>/);
  });

  it("--split and --output", async () => {
    const { stdout } = await run("data", "--split", "train", "--json", "-o", "train.json");
    expect(stdout).toBe("");
    expect(JSON.parse(readFileSync(join(cwd, "train.json"), "utf8"))).toMatchObject({ samples: 2, split: "train" });
  });

  it("a folder without splits is used whole", async () => {
    const { stdout } = await run("data/validation", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ samples: 12, split: "all" });
  });

  it("draws a validation split as the run did that made the model", async () => {
    const drawn = async (recipe: object) => {
      writeFileSync(join(cwd, "model", "recipe.json"), JSON.stringify(recipe));
      const { stdout } = await run("data/validation", "--split", "validation", "--json");
      rmSync(join(cwd, "model", "recipe.json"));
      return JSON.parse(stdout).samples as number;
    };
    expect([await drawn({ seed: 3, validationFraction: 0.5 }), await drawn({})]).toEqual([6, 2]);
  });

  it("exit code 3 below the threshold", async () => {
    for (const label of ["dark", "light"]) {
      mkdirSync(join(cwd, "same", label), { recursive: true });
      writeFileSync(join(cwd, "same", label, "1.jpg"), await jpeg(128, "one picture under both names"));
    }
    const [kept, missed] = await Promise.all([
      run("same", "--min-balanced-accuracy", "0.5"),
      run("same", "--min-balanced-accuracy", "0.51"),
    ]);
    expect(kept).toMatchObject({ code: 0, stderr: "" });
    expect(missed).toMatchObject({ code: 3, stderr: "beit: balanced accuracy 0.5000 is below 0.51\n" });
    expect(missed.stdout).toContain("balanced accuracy  0.5000");
  });

  it("lists unreadable pictures, evaluates the rest, exit code 1", async () => {
    mkdirSync(join(cwd, "holes/dark"), { recursive: true });
    mkdirSync(join(cwd, "holes/light"), { recursive: true });
    writeFileSync(join(cwd, "holes/dark/good.jpg"), await jpeg(40, "x"));
    writeFileSync(join(cwd, "holes/dark/bad.jpg"), "no picture");
    writeFileSync(join(cwd, "holes/light/good.jpg"), await jpeg(215, "y"));
    const { code, stdout, stderr } = await run("holes", "--json");
    const report = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(report.samples).toBe(2);
    expect(report.unreadable).toEqual([{ file: "dark/bad.jpg", error: expect.stringContaining("is not a picture") }]);
    expect(stderr).toContain("holes/dark/bad.jpg: is not a picture");
  });

  it("refuses classes the model does not know, attributes and folders that are not there", async () => {
    mkdirSync(join(cwd, "other/cats"), { recursive: true });
    mkdirSync(join(cwd, "other/dark"), { recursive: true });
    for (const label of ["cats", "dark"]) writeFileSync(join(cwd, "other", label, "1.jpg"), await jpeg(40, label));
    const [other, attribute, nowhere] = await Promise.all([
      run("other", "--html", "never.html"),
      run("data", "--by", "camera"),
      run("nowhere"),
    ]);
    expect(other!.stderr).toContain("the model does not know cats");
    expect(attribute!.stderr).toContain("the data set has no attribute camera: it has split");
    expect(nowhere!.stderr).toContain("no such folder");
    for (const { code, stdout } of [other!, attribute!, nowhere!])
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(existsSync(join(cwd, "never.html"))).toBe(false);
  });
});
