import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseSafetensors } from "../../src/checkpoint/safetensors.ts";
import { createFeatureExtractor, type FeatureKind } from "../../src/evaluate/features.ts";
import { loadModel } from "../../src/evaluate/model.ts";
import { beit, beitUntil, jpeg, png, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const out = join(cwd, "out");
const readable = ["pictures/a.jpg", "pictures/c é.png"];
let model: string;
beforeAll(async () => {
  model = await writeModel(join(cwd, "model"));
  mkdirSync(join(cwd, "pictures"));
  writeFileSync(join(cwd, "pictures/a.jpg"), await jpeg(60, "a"));
  writeFileSync(join(cwd, "pictures/b.jpg"), "no picture");
  writeFileSync(join(cwd, "pictures/c é.png"), await png(200, "c"));
});
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const run = (...args: string[]) => beit(["features", "model", ...args], { cwd });

async function expected(kind: FeatureKind): Promise<number[][]> {
  const extractor = await createFeatureExtractor(await loadModel(model), kind, { workers: 0 });
  const rows: number[][] = [];
  for await (const outcome of extractor.scores(readable.map((name) => join(cwd, name)))) {
    if ("logits" in outcome) rows.push(Array.from(outcome.logits));
  }
  await extractor.close();
  return rows;
}

/** An array file as numpy.load reads it. */
function readNpy(path: string): { shape: number[]; data: Float32Array } {
  const bytes = readFileSync(path);
  expect([...bytes.subarray(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const start = 10 + bytes.readUInt16LE(8);
  const found = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]+)\), \} *\n$/.exec(
    bytes.toString("latin1", 10, start),
  );
  const shape = found![1]!.split(", ").map(Number);
  return { shape, data: new Float32Array(new Uint8Array(bytes.subarray(start)).buffer) };
}

const namesOf = (path: string) => JSON.parse(readFileSync(`${path}.json`, "utf8"));

describe("beit features", () => {
  it("writes vectors and names as a table, leaves out and names what cannot be read", async () => {
    const { code, stdout, stderr } = await run("pictures", "nowhere.jpg", "-o", "out/mean.parquet");
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^beit: pictures\/b\.jpg: is not a picture.*\nbeit: nowhere\.jpg: no such file/);
    expect(stderr).toContain("out/mean.parquet: 2 pictures, 32 numbers each\nbeit: 2 of 4 could not be read\n");
    const file = await asyncBufferFromFile(join(out, "mean.parquet"));
    const rows = await parquetReadObjects({ file });
    expect(rows).toEqual((await expected({ pool: "mean" })).map((features, i) => ({ file: readable[i], features })));
    const { key_value_metadata: about } = await parquetMetadataAsync(file);
    expect(about).toEqual([
      { key: "model", value: "model" },
      { key: "pool", value: "mean" },
      { key: "layer", value: "last" },
    ]);
  });

  it("writes the same as lines of JSON, exact to the bit", async () => {
    const { code } = await run(...readable, "--pool", "concat", "--layer", "1", "-o", "out/layer.jsonl");
    expect(code).toBe(0);
    const lines = readFileSync(join(out, "layer.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.map(({ file }) => file)).toEqual(readable);
    const rows = await expected({ pool: "concat", layer: 1 });
    expect(lines.map(({ features }) => Array.from(Float32Array.from(features)))).toEqual(rows);
  });

  it("writes arrays with the names beside them", async () => {
    const args = ["pictures", "--pool", "tokens", "--layer", "2"];
    expect((await run(...args, "-o", "out/t.npy")).code).toBe(1);
    expect((await run(...args, "-o", "out/t.safetensors")).code).toBe(1);
    const rows = (await expected({ pool: "tokens", layer: 2 })).flat();
    const { shape, data } = readNpy(join(out, "t.npy"));
    expect([shape, Array.from(data)]).toEqual([[2, 17, 32], rows]);
    const { tensors, metadata } = parseSafetensors(readFileSync(join(out, "t.safetensors")), "t.safetensors");
    const tensor = tensors.get("features")!;
    expect([tensor.shape, Array.from(tensor.data as Float32Array)]).toEqual([[2, 17, 32], rows]);
    const about = { model: "model", pool: "tokens", layer: "2" };
    expect(metadata).toEqual({ format: "pt", ...about });
    expect([namesOf(join(out, "t.npy")), namesOf(join(out, "t.safetensors"))]).toEqual(
      Array(2).fill({ ...about, files: readable }),
    );
  });

  it("writes tokens as lists of lists in a table", async () => {
    expect((await run("pictures/a.jpg", "--pool", "tokens", "-o", "out/t.parquet")).code).toBe(0);
    const [row] = await parquetReadObjects({ file: await asyncBufferFromFile(join(out, "t.parquet")) });
    const [tokens] = await expected({ pool: "tokens" });
    expect([row!.features.length, row!.features[0].length, row!.features.flat()]).toEqual([17, 32, tokens]);
  });

  it("writes an empty array and an empty table where no picture could be read", async () => {
    expect((await run("pictures/b.jpg", "-o", "out/none.npy")).code).toBe(1);
    expect(readNpy(join(out, "none.npy"))).toEqual({ shape: [0, 32], data: new Float32Array() });
    expect(namesOf(join(out, "none.npy")).files).toEqual([]);
    expect((await run("pictures/b.jpg", "-o", "out/none.parquet")).code).toBe(1);
    expect(await parquetReadObjects({ file: await asyncBufferFromFile(join(out, "none.parquet")) })).toEqual([]);
  });

  it("leaves nothing behind when it is interrupted or fails", async () => {
    for (let i = 0; i < 400; i++) writeFileSync(join(cwd, `many-${i}.jpg`), readFileSync(join(cwd, readable[0]!)));
    const ready = () => readdirSync(cwd).some((name) => name.includes("cut.npy"));
    const args = ["features", "model", "many-*.jpg", "-o", "cut.npy"];
    const { code, stderr } = await beitUntil(args, { cwd, ready, signal: "SIGINT" });
    expect([code, stderr]).toEqual([130, "beit: interrupted; nothing was written\n"]);
    expect((await run("pictures", "--layer", "3", "-o", "cut.npy")).stderr).toContain("to 2, got 3");
    expect(readdirSync(cwd).filter((name) => name.includes("cut.npy"))).toEqual([]);
  });

  it("says what is wrong with what it was asked", async () => {
    const format = await run("pictures", "-o", "features.csv");
    expect([format.code, format.stderr]).toEqual([
      2,
      "beit: features.csv: expected a name that ends in .parquet, .npy, .safetensors, .jsonl\n",
    ]);
    expect((await run("-o", "x.npy")).stderr).toContain("expected a picture, folder or pattern");
    expect((await run("pictures", "--pool", "max", "-o", "x.npy")).code).toBe(2);
  });
});
