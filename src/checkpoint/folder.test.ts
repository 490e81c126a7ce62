import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { float32, int64, type Tensor } from "../tensor/tensor.ts";
import { readFolder, writeFolder } from "./folder.ts";
import { parseSafetensors, serializeSafetensors } from "./safetensors.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "beit-folder-"));
});
afterAll(() => rm(root, { recursive: true }));

const tensors = new Map<string, Tensor>([
  ["beit.embeddings.cls_token", float32([1, 2.5], [1, 1, 2])],
  ["classifier.bias", float32([0.1], [1])],
]);
const config = { model_type: "beit", id2label: { 0: "mask" } };

/** A folder of these files; an object is written as JSON, a Map as safetensors. */
async function folder(name: string, files: Record<string, unknown>): Promise<string> {
  for (const [file, content] of Object.entries(files)) {
    const path = join(root, name, file);
    await mkdir(dirname(path), { recursive: true });
    const isBytes = content instanceof Uint8Array || typeof content === "string";
    const data =
      content instanceof Map
        ? Buffer.concat(serializeSafetensors(content))
        : isBytes
          ? content
          : JSON.stringify(content);
    await writeFile(path, data as string | Uint8Array);
  }
  return join(root, name);
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: BeitError) => reason,
  );
  return error ? `${error.code} | ${error.message.replaceAll(`${root}/`, "")}` : "none";
}

const shard = (...names: string[]) => new Map(names.map((name) => [name, tensors.get(name)!]));
const [cls, bias] = [...tensors.keys()] as [string, string];

describe("readFolder", () => {
  it("reads a folder of transformers", async () => {
    const path = await folder("plain", {
      "config.json": config,
      "preprocessor_config.json": { size: 224 },
      "README.md": "# A model",
      "model.safetensors": tensors,
    });
    const files = ["config.json", "preprocessor_config.json", "README.md", "model.safetensors"].map(
      (file) => `${path}/${file}`,
    );
    const expected = { config, processor: { size: 224 }, tensors, format: "huggingface", files, card: "# A model" };
    expect(await readFolder(path)).toEqual(expected);
    expect(await readFolder(`${path}/`)).toEqual(expected);
  });

  it("reads a single file of weights, under Hugging Face's names", async () => {
    const path = await folder("single", {
      "checkpoint.safetensors": new Map([
        ["cls_token", tensors.get(cls)!],
        ["patch_embed.proj.weight", float32([1], [1])],
      ]),
    });
    const model = await readFolder(`${path}/checkpoint.safetensors`);
    expect(model).toMatchObject({ config: undefined, processor: undefined, format: "timm", layerNormEps: 1e-6 });
    expect(model.files).toEqual([`${path}/checkpoint.safetensors`]);
    expect(model.tensors.get(cls)).toEqual(tensors.get(cls));
  });

  it("reads PyTorch's files, alone or in a folder", async () => {
    const path = await folder("pytorch", { "config.json": config });
    await copyFile(new URL("../../test/fixtures/pytorch/nested.pth", import.meta.url), join(path, "pytorch_model.bin"));
    for (const place of [path, `${path}/pytorch_model.bin`]) {
      expect([...(await readFolder(place)).tensors.keys()]).toEqual(["cls_token", "norm.weight"]);
    }
  });

  it("prefers whole safetensors, then shards, then PyTorch", async () => {
    const index = { weight_map: { [cls]: "a.safetensors" } };
    const path = await folder("preferred", {
      "config.json": {},
      "pytorch_model.bin": "no",
      "model.safetensors.index.json": index,
      "a.safetensors": shard(cls),
    });
    expect((await readFolder(path)).files.at(-1)).toBe(`${path}/a.safetensors`);
    await folder("preferred", { "model.safetensors": tensors });
    expect((await readFolder(path)).files.at(-1)).toBe(`${path}/model.safetensors`);
  });

  it("reads shards", async () => {
    const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
    const index = { metadata: { total_size: 12 }, weight_map: { [bias]: second, [cls]: first } };
    const path = await folder("shards", {
      "config.json": config,
      "model.safetensors.index.json": index,
      [first]: shard(cls),
      [second]: shard(bias),
    });
    const model = await readFolder(path);
    expect(new Map([...model.tensors].sort())).toEqual(tensors);
    expect(model.files.slice(1)).toEqual([
      `${path}/model.safetensors.index.json`,
      `${path}/${second}`,
      `${path}/${first}`,
    ]);
  });

  it.each([
    ["../outside.safetensors"],
    ["/etc/passwd.safetensors"],
    ["sub/a.safetensors"],
    ["..\\a.safetensors"],
    ["C:a.safetensors"],
    [".safetensors"],
    ["config.json"],
    ["a.safetensors\0"],
    [7],
    [null],
  ])("does not follow an index to %j", async (file) => {
    const path = await folder("hostile", {
      "config.json": config,
      "model.safetensors.index.json": { weight_map: { w: file } },
    });
    await folder(".", { "outside.safetensors": tensors });
    expect(await refusal(readFolder(path))).toContain(
      'checkpoint/bad-index | hostile/model.safetensors.index.json: "w" should be in a file of weights beside the index, not in ',
    );
  });

  it.each([
    ["no map", {}, "it has no weight_map"],
    [
      "an absent tensor",
      { weight_map: { [cls]: "a.safetensors", gone: "a.safetensors" } },
      '"gone" is not in a.safetensors',
    ],
    [
      "a tensor elsewhere",
      { weight_map: { [cls]: "b.safetensors" } },
      `b.safetensors holds "${bias}", which the index does not place there`,
    ],
    [
      "a tensor it does not list",
      { weight_map: { [bias]: "b.safetensors", x: "a.safetensors" } },
      `a.safetensors holds "${cls}", which the index does not place there`,
    ],
  ])("refuses an index with %s", async (name, index, reason) => {
    const files = { "config.json": config, "a.safetensors": shard(cls), "b.safetensors": shard(bias) };
    const path = await folder(name, { ...files, "model.safetensors.index.json": index });
    expect(await refusal(readFolder(path))).toBe(
      `checkpoint/bad-index | ${name}/model.safetensors.index.json: ${reason}`,
    );
  });

  it("names what is missing", async () => {
    const path = await folder("empty", { "config.json": config });
    expect(await refusal(readFolder(path))).toBe(
      "checkpoint/no-weights | empty: expected one of model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json, found none of them",
    );
    expect(await refusal(readFolder(join(root, "nowhere")))).toBe(
      "file/unreadable | nowhere/config.json: cannot be read: no such file or folder",
    );
    expect(await refusal(readFolder(join(root, "nowhere.pth")))).toBe(
      "file/unreadable | nowhere.pth: cannot be read: no such file or folder",
    );
  });
});

describe("writeFolder", () => {
  it("writes what readFolder reads, and the metadata transformers asks for", async () => {
    const path = join(root, "written");
    const content = {
      config,
      processor: { size: 2 },
      tensors,
      card: "# Card",
      extra: { "onnx/model.onnx": Uint8Array.of(1, 2), "trainer_state.json": "{}" },
    };
    await writeFolder(path, content);
    expect(await readFolder(path)).toMatchObject({ config, processor: { size: 2 }, tensors, card: "# Card" });
    expect((await readdir(path, { recursive: true })).sort()).toEqual(
      [
        "README.md",
        "config.json",
        "model.safetensors",
        "onnx",
        "onnx/model.onnx",
        "preprocessor_config.json",
        "trainer_state.json",
      ].sort(),
    );
    const { metadata } = parseSafetensors(await readFile(join(path, "model.safetensors")), "m");
    expect(metadata.format).toBe("pt");
    expect([...(await readFile(join(path, "onnx/model.onnx")))]).toEqual([1, 2]);
  });

  it("writes the same bytes for the same content", async () => {
    const read = async (name: string) => {
      await writeFolder(join(root, name), { config, tensors });
      return Promise.all(
        ["config.json", "model.safetensors"].map((file) => readFile(join(root, name, file), "latin1")),
      );
    };
    expect(await read("one")).toEqual(await read("two"));
  });

  it.each(["float16", "bfloat16"] as const)("stores %s, integers as they are", async (dtype) => {
    const path = join(root, dtype);
    const mixed = new Map<string, Tensor>([
      ["w", float32([1, -0.5], [2])],
      ["n", int64([3], [1])],
    ]);
    await writeFolder(path, { config, tensors: mixed, dtype });
    const one = dtype === "float16" ? [0x3c00, 0xb800] : [0x3f80, 0xbf00];
    expect((await readFolder(path)).tensors).toEqual(
      new Map<string, Tensor>([
        ["w", { dtype, shape: [2], data: Uint16Array.from(one) }],
        ["n", int64([3], [1])],
      ]),
    );
  });

  it.each(["../x", "/x", "a//b", "a/../../b", "a\\b", "C:x", "", ".", "config.json", "model.safetensors"])(
    "does not write the extra file %j",
    async (file) => {
      const written = writeFolder(join(root, "extra"), { config, tensors, extra: { [file]: "x" } });
      expect(await refusal(written)).toContain("checkpoint/bad-path | extra file ");
      expect(await readdir(root)).not.toContain("extra");
    },
  );

  it("notices a save that was cut off between config.json and the weights", async () => {
    const [old, next] = [join(root, "old"), join(root, "next")];
    await writeFolder(old, { config, tensors });
    await writeFolder(next, { config: { ...config, id2label: { 0: "no mask" } }, tensors });
    await copyFile(join(next, "config.json"), join(old, "config.json"));
    expect(await refusal(readFolder(old))).toMatch(
      /^checkpoint\/torn \| old: config.json and the weights are of two saves \("[0-9a-f]{8}", "[0-9a-f]{8}"\)/,
    );
    await copyFile(join(next, "model.safetensors"), join(old, "model.safetensors"));
    expect((await readFolder(old)).config).toEqual({ ...config, id2label: { 0: "no mask" } });
  });

  it("lets config.json be edited, and the weights be saved by others", async () => {
    const path = join(root, "edited");
    await writeFolder(path, { config, tensors });
    const written = JSON.parse(await readFile(join(path, "config.json"), "utf8"));
    await folder("edited", { "config.json": { ...written, id2label: { 0: "face" } } });
    expect((await readFolder(path)).config).toEqual({ ...config, id2label: { 0: "face" } });
    await folder("edited", { "model.safetensors": tensors });
    expect((await readFolder(path)).config).toEqual({ ...config, id2label: { 0: "face" } });
  });

  it("leaves the weights of before when it cannot write new ones", async () => {
    const path = join(root, "kept");
    await writeFolder(path, { config, tensors });
    const twisted = new Map<string, Tensor>([["w", { dtype: "float32", shape: [3], data: new Float32Array(2) }]]);
    expect(await refusal(writeFolder(path, { config: {}, tensors: twisted }))).toContain("checkpoint/bad-tensor");
    expect(await readFolder(path)).toMatchObject({ config, tensors });
  });
});
