import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/platform/decode.ts";
import { beit, jpeg, noisyPixels, png, smallConfig, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const model = join(cwd, "model");
const dark = () => readFileSync(join(cwd, "photos/dark.jpg"));

interface Row {
  file: string;
  label?: string;
  score?: number;
  predictions?: { label: string; score: number }[];
  error?: string;
}
const predict = (args: readonly string[], stdin?: Uint8Array | string) =>
  beit(["predict", "--model", model, ...args], { cwd, ...(stdin === undefined ? {} : { stdin }) });
const rowsOf = (stdout: string): Row[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

beforeAll(async () => {
  await writeModel(model);
  for (const folder of ["photos/more", "bad", "locked"]) mkdirSync(join(cwd, folder), { recursive: true });
  writeFileSync(join(cwd, "photos/dark.jpg"), await jpeg(40, "a"));
  writeFileSync(join(cwd, "photos/light.png"), await png(210, "b"));
  writeFileSync(join(cwd, "photos/more/grey.jpg"), await jpeg(128, "c"));
  writeFileSync(join(cwd, "photos/notes.txt"), "not a picture by its name");
  writeFileSync(join(cwd, "bad/not-an-image.jpg"), "these are words\n");
  writeFileSync(join(cwd, "bad/empty.png"), "");
  writeFileSync(join(cwd, "bad/truncated.jpg"), dark().subarray(0, 400));
  writeFileSync(join(cwd, "bad/truncated.png"), (await png(90, "d")).subarray(0, 600));
  writeFileSync(join(cwd, "bad/wrong-extension.gif"), dark());
  writeFileSync(join(cwd, "bad/one-pixel.png"), await encodePng(noisyPixels(99, "e", [1, 1])));
});

describe("the file of answers", () => {
  it.each(["photos/dark.jpg", "photos/../photos/light.png"])("is none of the pictures: %s", async (output) => {
    const pictures = [dark(), readFileSync(join(cwd, "photos/light.png"))];
    const { code, stderr } = await predict(["photos", "-o", output]);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is one of the files that are read"),
    });
    expect([dark(), readFileSync(join(cwd, "photos/light.png"))]).toEqual(pictures);
  });
});

describe("formats", () => {
  it("table", async () => {
    const { code, stdout, stderr } = await predict(["photos/dark.jpg"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^file +label +score\nphotos\/dark\.jpg +(dark|light) +[01]\.\d{4}\n$/);
  });

  it("jsonl answers a folder in order, with all classes summing to one", async () => {
    const { code, stdout } = await predict(["photos", "--format", "jsonl"]);
    const rows = rowsOf(stdout);
    expect(code).toBe(0);
    expect(rows.map(({ file }) => file)).toEqual(["photos/dark.jpg", "photos/light.png", "photos/more/grey.jpg"]);
    for (const { label, score, predictions } of rows) {
      expect(predictions!.map((p) => p.label).sort()).toEqual(["dark", "light"]);
      expect(predictions!.reduce((sum, p) => sum + p.score, 0)).toBeCloseTo(1, 9);
      expect(predictions![0]).toEqual({ label, score });
      expect(score).toBeGreaterThanOrEqual(predictions![1]!.score);
    }
  });

  it("--json is --format json; top-k keeps the best", async () => {
    const [a, b] = await Promise.all([
      predict(["photos", "--json", "-k", "1"]),
      predict(["photos", "-f", "json", "-k", "1"]),
    ]);
    expect(a.stdout).toBe(b.stdout);
    const rows = JSON.parse(a.stdout) as Row[];
    expect(rows.map(({ predictions }) => predictions!.length)).toEqual([1, 1, 1]);
  });

  it("csv", async () => {
    const { stdout } = await predict(["photos/dark.jpg", "gone.jpg", "-f", "csv", "-k", "2"]);
    const lines = stdout.split("\r\n");
    expect(lines[0]).toBe("file,label,score,label_2,score_2,error");
    expect(lines[1]).toMatch(/^photos\/dark\.jpg,(dark|light),[\d.e-]+,(dark|light),[\d.e-]+,$/);
    expect(lines[2]).toBe("gone.jpg,,,,,gone.jpg: no such file or folder");
  });

  it("--output writes the file and prints nothing; a failure leaves nothing behind", async () => {
    const { stdout } = await predict(["photos", "-f", "jsonl", "-o", "out/rows.jsonl"]);
    expect(stdout).toBe("");
    expect(rowsOf(readFileSync(join(cwd, "out/rows.jsonl"), "utf8"))).toHaveLength(3);
    const failed = await predict(["photos", "-o", "photos/dark.jpg/rows.json"]);
    expect(failed).toMatchObject({ code: 1, stdout: "" });
    expect(failed.stderr).toContain("photos/dark.jpg/rows.json: cannot be written");
    expect(readdirSync(join(cwd, "out"))).toEqual(["rows.jsonl"]);
  });
});

describe("inputs", () => {
  it("patterns and several arguments, none twice", async () => {
    const { stdout } = await predict(["photos/*.jpg", "photos/**/*.jpg", "photos/light.png", "-f", "jsonl"]);
    expect(rowsOf(stdout).map(({ file }) => file)).toEqual([
      "photos/dark.jpg",
      "photos/more/grey.jpg",
      "photos/light.png",
    ]);
  });

  it("a picture from standard input scores as its file does", async () => {
    const [piped, named] = await Promise.all([
      predict(["-", "-f", "jsonl"], dark()),
      predict(["photos/dark.jpg", "-f", "jsonl"]),
    ]);
    expect({ ...rowsOf(piped.stdout)[0], file: "" }).toEqual({ ...rowsOf(named.stdout)[0], file: "" });
  });

  it("a list of paths from standard input", async () => {
    const { stdout } = await predict(["--files-from", "-", "-f", "jsonl"], "photos/light.png\nphotos/dark.jpg\n");
    expect(rowsOf(stdout).map(({ file }) => file)).toEqual(["photos/light.png", "photos/dark.jpg"]);
  });

  it("threads give the same answers in the same order as none", async () => {
    const files = Array.from({ length: 20 }, (_, i) => `many/${String(i).padStart(2, "0")}.jpg`);
    mkdirSync(join(cwd, "many"), { recursive: true });
    for (const file of files) writeFileSync(join(cwd, file), await jpeg(12 * Number(file.slice(5, 7)), file));
    writeFileSync(join(cwd, "many/07.jpg"), "broken");
    const args = ["many", "gone.jpg", "-f", "jsonl"];
    const [threaded, direct] = await Promise.all([
      predict([...args, "--workers", "2"]),
      predict([...args, "--workers", "0"]),
    ]);
    const [a, b] = [rowsOf(threaded.stdout), rowsOf(direct.stdout)];
    expect(a.map(({ file, label, error }) => [file, label, error])).toEqual(
      b.map(({ file, label, error }) => [file, label, error]),
    );
    expect(a.map(({ file }) => file)).toEqual([...files, "gone.jpg"]);
    expect(a.filter(({ error }) => error).map(({ file }) => file)).toEqual(["many/07.jpg", "gone.jpg"]);
    for (const [i, { score }] of a.entries()) expect(score ?? 0).toBeCloseTo(b[i]!.score ?? 0, 5);
  });
});

describe("bad pictures get their row, the others are answered, exit code 1", () => {
  it("each kind", async () => {
    const { code, stdout, stderr } = await predict(["bad", "photos/dark.jpg", "gone.jpg", "no/*.png", "-f", "jsonl"]);
    const rows = Object.fromEntries(rowsOf(stdout).map((row) => [row.file, row.error ?? row.label]));
    expect(code).toBe(1);
    expect(stderr).toBe("beit: 6 of 9 could not be read\n");
    expect(rows).toMatchObject({
      "bad/not-an-image.jpg": expect.stringContaining("is not a picture"),
      "bad/empty.png": expect.stringContaining("is empty (0 bytes)"),
      "bad/truncated.jpg": expect.stringContaining("is truncated or damaged"),
      "bad/truncated.png": expect.stringContaining("is truncated or damaged"),
      "bad/wrong-extension.gif": expect.stringMatching(/^(dark|light)$/),
      "bad/one-pixel.png": expect.stringMatching(/^(dark|light)$/),
      "photos/dark.jpg": expect.stringMatching(/^(dark|light)$/),
      "gone.jpg": "gone.jpg: no such file or folder",
      "no/*.png": expect.stringContaining("matches no picture"),
    });
  });

  it.skipIf(process.getuid?.() === 0)("a folder without permission", async () => {
    chmodSync(join(cwd, "locked"), 0o000);
    const { code, stdout } = await predict(["locked", "photos/dark.jpg", "-f", "jsonl"]);
    chmodSync(join(cwd, "locked"), 0o755);
    expect(code).toBe(1);
    expect(rowsOf(stdout)[0]!.error).toContain("permission denied");
    expect(rowsOf(stdout)[1]!.label).toBeDefined();
  });
});

describe("models that cannot be used", () => {
  const withModel = (path: string) => beit(["predict", "photos/dark.jpg", "--model", path], { cwd });

  it("missing folder", async () => {
    const { code, stdout, stderr } = await withModel("nowhere");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toBe("beit: nowhere: no such model; expected a model folder or a file of weights\n");
  });

  it("another family", async () => {
    mkdirSync(join(cwd, "vit"), { recursive: true });
    writeFileSync(join(cwd, "vit/config.json"), JSON.stringify({ model_type: "vit" }));
    writeFileSync(join(cwd, "vit/model.safetensors"), readFileSync(join(model, "model.safetensors")));
    const { code, stderr } = await withModel("vit");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'beit: vit/config.json: model_type is "vit", expected "beit"\n',
    });
  });

  it("no weights, another task, a processor of another size", async () => {
    mkdirSync(join(cwd, "empty"), { recursive: true });
    writeFileSync(join(cwd, "empty/config.json"), readFileSync(join(model, "config.json")));
    await writeModel(join(cwd, "features"), { task: "features" });
    await writeModel(join(cwd, "odd"));
    const processor = JSON.parse(readFileSync(join(cwd, "odd/preprocessor_config.json"), "utf8")) as object;
    const size = { height: 48, width: 48 };
    writeFileSync(join(cwd, "odd/preprocessor_config.json"), JSON.stringify({ ...processor, size }));
    const [empty, features, odd] = await Promise.all(["empty", "features", "odd"].map(withModel));
    expect(empty!.stderr).toContain("empty: expected one of model.safetensors");
    expect(features!.stderr).toContain("features: is a model of features, expected an image classifier");
    expect(odd!.stderr).toContain("the processor makes inputs 3 x 48 x 48, the model takes 3 x 32 x 32");
    for (const { code } of [empty!, features!, odd!]) expect(code).toBe(1);
  });

  it("every precision answers alike", async () => {
    for (const dtype of ["float32", "bfloat16"] as const) await writeModel(join(cwd, dtype), { dtype });
    const answers = await Promise.all(
      [model, "float32", "bfloat16"].map((path) => beit(["predict", "photos", "-m", path, "-f", "jsonl"], { cwd })),
    );
    const [half, full, brain] = answers.map(({ stdout }) =>
      rowsOf(stdout).map((row) => row.predictions!.find(({ label }) => label === smallConfig.labels[0])!.score),
    );
    for (const [i, score] of full!.entries()) {
      expect(half![i]).toBeCloseTo(score, 2);
      expect(brain![i]).toBeCloseTo(score, 1);
    }
  });
});
