import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/platform/decode.ts";
import { beit, jpeg, png, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
let model: string;
beforeAll(async () => {
  model = await writeModel(join(cwd, "model"));
  writeFileSync(join(cwd, "a.jpg"), await jpeg(40, "a"));
  writeFileSync(join(cwd, "b.png"), await png(200, "b"));
  writeFileSync(join(cwd, "bad.jpg"), "not a picture");
});

describe("beit explain", () => {
  it("writes the picture with the map over it, in the picture's own size", async () => {
    const { code, stdout } = await beit(["explain", "a.jpg", "-o", "heat.png", "-m", model], { cwd });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^a\.jpg {2}(dark|light) {2}[01]\.\d{4} {2}heat\.png\n$/);
    const { width, height } = await decodeImage(readFileSync(join(cwd, "heat.png")), "heat.png");
    expect([width, height]).toEqual([40, 30]);
  });

  it("does not write over the picture", async () => {
    const picture = readFileSync(join(cwd, "b.png"));
    const { code, stderr } = await beit(["explain", "b.png", "-o", "./b.png", "-m", model], { cwd });
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is one of the files that are read"),
    });
    expect(readFileSync(join(cwd, "b.png"))).toEqual(picture);
  });

  it("does not write over a picture of the folder that it writes to", async () => {
    const folder = mkdtempSync(join(cwd, "heats-"));
    const picture = readFileSync(join(cwd, "b.png"));
    for (const name of ["c.png", "c.heat.png"]) writeFileSync(join(folder, name), picture);
    expect((await beit(["explain", folder, "-o", folder, "-m", model], { cwd })).code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["c-2.heat.png", "c.heat.heat.png", "c.heat.png", "c.png"]);
    expect(readFileSync(join(folder, "c.heat.png"))).toEqual(picture);
  });

  it("gives the same score as predict, and the map as numbers", async () => {
    const { stdout } = await beit(["explain", "a.jpg", "--json", "-m", model], { cwd });
    const { label, score, heat, method } = JSON.parse(stdout);
    const predicted = JSON.parse((await beit(["predict", "a.jpg", "--json", "-m", model], { cwd })).stdout);
    const [best] = predicted[0].predictions;
    expect([label, method]).toEqual([best.label, "gradient"]);
    expect(score).toBeCloseTo(best.score, 5);
    expect(heat.length).toBe(4); // 32 px in patches of 8
    expect(heat.every((row: number[]) => row.length === 4 && row.every((value) => value >= 0 && value <= 1))).toBe(
      true,
    );
    expect(Math.max(...heat.flat())).toBe(1);
  });

  it("explains another class, and another way", async () => {
    const heatOf = async (...more: string[]) =>
      JSON.parse((await beit(["explain", "b.png", "--json", "-m", model, ...more], { cwd })).stdout);
    const [dark, light] = [await heatOf("--label", "dark"), await heatOf("--label", "light")];
    expect([dark.label, light.label]).toEqual(["dark", "light"]);
    expect(dark.score + light.score).toBeCloseTo(1, 5);
    expect(dark.heat).not.toEqual(light.heat);
    const rollouts = [await heatOf("--method", "rollout", "--label", "dark"), await heatOf("--method", "rollout")];
    expect(rollouts[0].heat).toEqual(rollouts[1].heat); // attention alone knows no class
  });

  it("answers the others when a picture cannot be read", async () => {
    const { code, stdout, stderr } = await beit(["explain", "bad.jpg", "a.jpg", "b.png", "-o", "maps", "-m", model], {
      cwd,
    });
    expect(code).toBe(1);
    expect(stderr).toContain("bad.jpg: is not a picture");
    expect(stdout.split("\n").length).toBe(3);
    expect(readdirSync(join(cwd, "maps")).sort()).toEqual(["a.heat.png", "b.heat.png"]);
  });

  it("says what is missing or unknown", async () => {
    const run = (...args: string[]) => beit(["explain", ...args, "-m", model], { cwd });
    const none = await run("a.jpg");
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("expected -o FILE.png")]);
    const two = await run("a.jpg", "b.png", "-o", "one.png");
    expect([two.code, two.stderr]).toEqual([2, expect.stringContaining("2 pictures do not fit in one.png")]);
    const unknown = await run("a.jpg", "-o", "x.png", "--label", "grey");
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringContaining('label "grey": the model knows dark, light'),
    ]);
    expect(existsSync(join(cwd, "x.png"))).toBe(false);
  });
});
