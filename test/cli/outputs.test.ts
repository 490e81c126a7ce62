import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { serializeSafetensors } from "../../src/checkpoint/safetensors.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { zeros } from "../../src/tensor/tensor.ts";
import { beit, jpeg, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const at = (name: string) => join(cwd, name);
const text = (name: string) => readFileSync(at(name), "utf8");
const run = (...args: string[]) => beit(args, { cwd });

beforeAll(async () => {
  await writeModel(at("model"));
  for (const label of ["dark", "light"]) {
    mkdirSync(at(`data/${label}`), { recursive: true });
    for (let i = 0; i < 8; i++)
      writeFileSync(at(`data/${label}/${i}.jpg`), await jpeg(label === "dark" ? 40 : 200, `${label} ${i}`));
  }
  writeFileSync(at("in.safetensors"), serializeSafetensorsOf("pixel_values"));
  mkdirSync(at("mine/onnx"), { recursive: true });
  writeFileSync(at("mine/README.md"), "mine");
});

const serializeSafetensorsOf = (name: string) => Buffer.concat(serializeSafetensors([[name, zeros([1, 3, 32, 32])]]));

describe("files that a result would replace", () => {
  it.each([
    ["export", "model", "-o", "model/model.safetensors"],
    ["evaluate", "model", "data", "-o", "model/config.json"],
    ["evaluate", "model", "data", "--html", "model/README.md"],
    ["features", "model", "data", "-o", "model/model.safetensors"],
    ["probe", "model", "data", "-o", "model/preprocessor_config.json"],
    ["forward", "model", "in.safetensors", "model/model.safetensors"],
    ["forward", "model", "in.safetensors", "./in.safetensors"],
  ])("are none of those that are read: %s %s %s %s", async (...args) => {
    const before = readFileSync(at("model/model.safetensors"));
    const { code, stderr } = await run(...args);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is one of the files that are read"),
    });
    expect(readFileSync(at("model/model.safetensors"))).toEqual(before);
  });

  it("are not somebody else's: a run and a model want a folder without files of their names", async () => {
    for (const resume of [[], ["--resume"]]) {
      const trained = await run("train", "data", "-o", "mine", "-m", "tiny", ...resume);
      expect(trained).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("mine: holds README.md, onnx, which the run"),
      });
    }
    const onModel = await run("train", "data", "-o", "model", "-m", "tiny", "--resume");
    expect(onModel).toMatchObject({ code: 1, stderr: expect.stringContaining("model.safetensors") });
    const converted = await run("convert", "model", "-o", "mine");
    expect(converted).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is a README.md already; add --force"),
    });
    expect(text("mine/README.md")).toBe("mine");
    expect((await run("convert", "model", "-o", "mine", "--force")).code).toBe(0);
    expect((await loadModel(at("mine"))).config.hiddenSize).toBe(32);
  });
});

describe("a run that cannot come to an end", () => {
  it("is refused before it begins: a later stage whose position tables cannot be made", async () => {
    writeFileSync(
      at("stages.json"),
      JSON.stringify({ model: "model", imageSize: 16, batchSize: 4, later: [{ imageSize: 32 }] }),
    );
    const { code, stderr } = await run("train", "data", "-o", "staged", "-r", "stages.json");
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("a stage of 32 px after one of 16 px: a position table of 2 patches a side"),
    });
    expect(stderr).not.toContain("step 1/");
    expect(existsSync(at("staged"))).toBe(false); // nor is an empty folder left
  });

  it.each([
    ["[]", "a list"],
    ["null", "null"],
    ['"tiny"', '"tiny"'],
  ])("is refused for a recipe of %s", async (content, came) => {
    writeFileSync(at("recipe.json"), content);
    for (const command of ["train", "pretrain", "tokenizer"]) {
      const { code, stderr } = await run(command, "data", "-o", "never", "-r", "recipe.json");
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `beit: recipe.json: expected an object of settings, got ${came}\n`,
      });
    }
  });
});

describe("a model with numbers that are not finite", () => {
  it.each([
    ["predict", "-m", "broken", "data"],
    ["features", "broken", "data", "-o", "f.jsonl"],
    ["export", "broken"],
  ])("is not used: beit %s", async (...args) => {
    const { parameters } = await loadModel(at("model"));
    const diverged = new Map(
      [...parameters].map(([name, { shape, data }]) => [
        name,
        { dtype: "float32", shape, data: data.slice() } as const,
      ]),
    );
    diverged.get("classifier.weight")!.data[3] = Number.NaN;
    await writeModel(at("broken"));
    writeFileSync(at("broken/model.safetensors"), Buffer.concat(serializeSafetensors([...diverged], { format: "pt" })));
    writeFileSync(at("broken/config.json"), text("broken/config.json").replace(/,\s*"beit_save_id": "[^"]*"/, ""));
    const { code, stderr } = await run(...args);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("classifier.weight holds numbers that are not finite"),
    });
  });
});
