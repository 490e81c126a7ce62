import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DatasetOptions, openDataset, openUnsupervised } from "./folder.ts";
import type { Dataset } from "./sample.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "beit-dataset-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Writes files; a list of names makes empty ones. */
async function write(files: Record<string, string> | readonly string[]): Promise<void> {
  for (const [name, text] of Array.isArray(files) ? files.map((name) => [name, ""]) : Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
}

const numbered = (folder: string, n: number) => Array.from({ length: n }, (_, i) => `${folder}/${i}.jpg`);
const ids = (dataset: Dataset) => dataset.samples.map(({ id }) => id);
const labels = (dataset: Dataset) => Object.fromEntries(dataset.samples.map(({ id, label }) => [id, label]));

describe("class folders", () => {
  test("are ordered by code point, walked to the bottom, and other files are counted", async () => {
    await write([
      "b/1.JPG",
      "b/deep/2.png",
      "a/1.webp",
      "B/1.jpeg",
      "a/notes.txt",
      "README.md",
      ".git/a.jpg",
      "a/.b.jpg",
    ]);
    await mkdir(join(root, "__MACOSX"));
    const dataset = await openDataset(root);
    expect(dataset.classes).toEqual(["B", "a", "b"]);
    expect(labels(dataset)).toEqual({ "B/1.jpeg": 0, "a/1.webp": 1, "b/1.JPG": 2, "b/deep/2.png": 2 });
    expect(dataset.skipped).toEqual({ notImages: 2, unlabelled: 0 });
    expect(dataset.samples[0]).toEqual({ path: join(root, "B/1.jpeg"), id: "B/1.jpeg", label: 0, attributes: {} });
  });

  test("links are followed and circles end", async () => {
    await write(["pool/1.jpg", "data/cat/1.jpg", "data/dog/1.jpg"]);
    await symlink(join(root, "pool"), join(root, "data/cat/more"));
    await symlink(join(root, "data"), join(root, "data/dog/circle"));
    const dataset = await openDataset(join(root, "data"));
    expect(ids(dataset).filter((id) => id.startsWith("cat/"))).toEqual(["cat/1.jpg", "cat/more/1.jpg"]);
  });

  test("without split folders train and validation are drawn, the same way every time", async () => {
    await write([...numbered("cat", 40), ...numbered("dog", 20)]);
    const train = await openDataset(root, { split: "train", validationFraction: 0.25, seed: 3 });
    const validation = await openDataset(root, { split: "validation", validationFraction: 0.25, seed: 3 });
    const again = await openDataset(root, { split: "validation", validationFraction: 0.25, seed: 3 });
    expect(validation.samples.filter(({ label }) => label === 0)).toHaveLength(10);
    expect(validation.samples.filter(({ label }) => label === 1)).toHaveLength(5);
    expect([...ids(train), ...ids(validation)].sort()).toEqual(ids(await openDataset(root)).sort());
    expect(ids(again)).toEqual(ids(validation));
    expect(ids(await openDataset(root, { split: "validation", validationFraction: 0.25, seed: 4 }))).not.toEqual(
      ids(validation),
    );
    await expect(openDataset(root, { split: "test" })).rejects.toMatchObject({ code: "dataset/no-split" });
  });
});

describe("split folders", () => {
  test.each(["validation", "val", "valid"])(
    "%s is the validation split; unlabelled pictures are neither split nor class",
    async (name) => {
      await write(["train/cat/1.jpg", "train/dog/2.jpg", `${name}/cat/3.jpg`, "test/dog/4.jpg", "unlabelled/5.jpg"]);
      expect(labels(await openDataset(root, { split: "train" }))).toEqual({
        "train/cat/1.jpg": 0,
        "train/dog/2.jpg": 1,
      });
      expect(labels(await openDataset(root, { split: "validation" }))).toEqual({ [`${name}/cat/3.jpg`]: 0 });
      expect(labels(await openDataset(root, { split: "valid" }))).toEqual({ [`${name}/cat/3.jpg`]: 0 });
      expect(labels(await openDataset(root, { split: "test" }))).toEqual({ "test/dog/4.jpg": 1 });
      expect((await openDataset(root)).samples).toHaveLength(4);
      expect(labels(await openDataset(root, { split: "unlabelled" }))).toEqual({ "unlabelled/5.jpg": -1 });
    },
  );

  test("a data set without validation draws it from train and leaves test alone", async () => {
    await write([...numbered("train/cat", 20), ...numbered("train/dog", 20), "test/cat/1.jpg", "test/dog/1.jpg"]);
    const validation = await openDataset(root, { split: "validation" });
    expect(validation.samples).toHaveLength(6);
    expect(ids(validation).every((id) => id.startsWith("train/"))).toBe(true);
    expect((await openDataset(root, { split: "test" })).samples).toHaveLength(2);
  });

  test("two folders for one split are refused", async () => {
    await write(["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "validation/b/1.jpg"]);
    await expect(openDataset(root)).rejects.toMatchObject({ code: "dataset/ambiguous-split" });
  });

  test("metadata in a split folder gives labels and attributes to its pictures", async () => {
    await write(["train/cat/1.jpg", "train/x.jpg", "validation/dog/1.jpg", "validation/cat/1.jpg"]);
    await write({
      "train/metadata.jsonl":
        '{"file_name": "x.jpg", "label": "dog", "age": 3}\n\n{"file_name": "cat/1.jpg", "label": null}\n{"file_name":"./cat/../cat/1.jpg","label":"cat"}',
    });
    await expect(openDataset(root)).rejects.toMatchObject({
      code: "dataset/duplicate",
      message: `${root}/train/metadata.jsonl: rows 2 and 3 both name train/cat/1.jpg; keep one`,
    });
    await write({
      "train/metadata.jsonl":
        '{"file_name": "x.jpg", "label": "dog", "age": 3}\n{"file_name": "cat/1.jpg", "label": "cat"}',
    });
    const dataset = await openDataset(root, { split: "train" });
    expect(labels(dataset)).toEqual({ "train/cat/1.jpg": 0, "train/x.jpg": 1 });
    expect(dataset.samples[1]!.attributes).toEqual({ age: "3", split: "train" });
  });
});

test("pictures beside the class folders of a split, and classes that are named as a split, are told as such", async () => {
  await write(["train/1.jpg", "train/2.jpg", "validation/3.jpg"]);
  await expect(openDataset(root)).rejects.toMatchObject({
    code: "dataset/no-images",
    message: `${root}: 2 pictures lie in ${root}/train itself, which is taken for the train split; expected one folder per class in it, such as ${root}/train/CLASS/1.jpg`,
  });
});

describe("metadata in the root", () => {
  const rows = [
    "train/1.jpg,mask,train,web,g1",
    "train/2.jpg,bare,train,studio,g2",
    "train/3.jpg,bare,train,web,g1",
    'train/4.jpg,mask,train,"a, b",',
    "validation/5.jpg,mask,val,web,g3",
    "validation/6.jpg,bare,val,web,g4",
    "more/7.jpg,,unlabelled,crawl,g5",
    "train/8.txt,bare,train,web,",
  ];
  const csv = (list: readonly string[] = rows) =>
    `\uFEFFfile_name,label,split,source,group\r\n${list.join("\r\n")}\r\n`;
  beforeEach(async () => {
    await write(rows.map((row) => row.split(",")[0]!));
    await write({ "manifest.csv": csv() });
  });

  test("gives label, split, group and attributes", async () => {
    const dataset = await openDataset(root, { split: "train" });
    expect(dataset.classes).toEqual(["bare", "mask"]);
    expect(dataset.samples[0]).toEqual({
      path: join(root, "train/1.jpg"),
      id: "train/1.jpg",
      label: 1,
      group: "g1",
      attributes: { source: "web", split: "train" },
    });
    expect(dataset.samples[3]).not.toHaveProperty("group");
    expect(dataset.samples[3]!.attributes.source).toBe("a, b");
    expect(dataset.skipped).toEqual({ notImages: 1, unlabelled: 0 });
    expect((await openDataset(root)).skipped.unlabelled).toBe(1);
    expect(ids(await openDataset(root, { split: "validation" }))).toEqual(["validation/5.jpg", "validation/6.jpg"]);
    expect(labels(await openDataset(root, { split: "unlabelled" }))).toEqual({ "more/7.jpg": -1 });
  });

  test("without a label column the class is the picture's folder", async () => {
    await write({ "metadata.csv": "file_name,age\ntrain/cat/1.jpg,3\ndog/2.jpg,4\n" });
    await write(["train/cat/1.jpg", "dog/2.jpg"]);
    expect(labels(await openDataset(root))).toEqual({ "dog/2.jpg": 1, "train/cat/1.jpg": 0 });
    await write({ "metadata.csv": "file_name,age\ntrain/cat/1.jpg,3\ndog/2.jpg,4\nunlabelled/3.jpg,5\n" });
    await write(["unlabelled/3.jpg"]);
    expect((await openDataset(root)).classes).toEqual(["cat", "dog"]);
    expect(labels(await openDataset(root, { split: "unlabelled" }))).toEqual({ "unlabelled/3.jpg": -1 });
  });

  test("where keeps and drops by attribute", async () => {
    const where = { include: { source: ["web", "studio"] }, exclude: { split: ["validation"] } };
    expect(ids(await openDataset(root, { where }))).toEqual(["train/1.jpg", "train/2.jpg", "train/3.jpg"]);
    await expect(openDataset(root, { where: { include: { sauce: ["web"] } } })).rejects.toMatchObject({
      code: "dataset/unknown-attribute",
      message: "the pictures have no attribute sauce; they have source, split",
    });
    await expect(openDataset(root, { where: { include: { source: ["moon"] } } })).rejects.toMatchObject({
      code: "dataset/no-images",
    });
    await expect(
      openDataset(root, { split: "train", where: { include: { source: ["studio"] } } }),
    ).rejects.toMatchObject({
      code: "dataset/empty-class",
      message: `${root}: split train has no picture of mask`,
    });
  });

  test("a held-out source is validated on and leaves training with the groups it shares", async () => {
    await write({ "manifest.csv": csv([...rows, "train/9.jpg,bare,train,studio,g1"]) });
    await write(["train/9.jpg"]);
    const holdout = { key: "source", values: ["studio"] };
    expect(ids(await openDataset(root, { split: "validation", holdout }))).toEqual(["train/2.jpg", "train/9.jpg"]);
    const train = await openDataset(root, { split: "train", holdout, classes: ["bare", "mask"] });
    expect(ids(train)).toEqual(["train/4.jpg"]); // 1 and 3 share group g1 with 9
    const misspelt = { key: "source", values: ["studio", "wob"] };
    await expect(openDataset(root, { split: "train", holdout: misspelt })).rejects.toMatchObject({
      code: "dataset/no-images",
      message: "holdout: no picture has source wob; there are a, b, studio, web",
    });
  });

  test("what a run kept out is validated on where there is no validation split, and none of it elsewhere", async () => {
    const keptOut = { key: "source", values: ["studio"] };
    const validation = async (lines: readonly string[], options: Partial<DatasetOptions>) => {
      await write({ "manifest.csv": csv([...lines]) });
      return ids(await openDataset(root, { split: "validation", ...options }));
    };
    const without = rows.map((row) => row.replace(",val,", ",train,"));
    expect(await validation(without, { keptOut })).toEqual(["train/2.jpg"]);
    expect(await validation(rows, { keptOut })).toEqual(await validation(rows, {}));
    expect(await validation(without, { keptOut: { key: "source", values: ["moon", "studio"] } })).toEqual([
      "train/2.jpg",
    ]);
    const unknown = { key: "source", values: ["moon"] };
    expect(await validation(without, { keptOut: unknown })).toEqual(await validation(without, {}));
  });

  test.each([
    [
      "names a file that is not there",
      "train/none.jpg,mask,train,web,",
      "dataset/missing-file",
      /row 9 names train\/none.jpg/,
    ],
    [
      "names a file twice",
      "./train//1.jpg,mask,train,web,",
      "dataset/duplicate",
      /rows 1 and 9 both name train\/1.jpg/,
    ],
    [
      "climbs out of the root",
      "train/../../etc/1.jpg,mask,train,web,",
      "dataset/outside-root",
      /row 9: train\/..\/..\/etc\/1.jpg/,
    ],
    ["climbs out with backslashes", "..\\1.jpg,mask,train,web,", "dataset/outside-root", /row 9/],
    ["is absolute", "/etc/1.jpg,mask,train,web,", "dataset/outside-root", /row 9/],
    ["has no name", ",mask,train,web,", "dataset/bad-metadata", /row 9: has no file_name/],
    ["has too few fields", "train/1.jpg,mask", "dataset/bad-metadata", /manifest.csv: line 10: is not valid CSV/],
  ])("a row that %s is refused by name", async (_, row, code, message) => {
    await write({ "manifest.csv": csv([...rows, row]) });
    await expect(openDataset(root)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("a column that is there twice is refused; nameless ones are not read", async () => {
    await write({ "manifest.csv": "file_name,label,label\ntrain/1.jpg,mask,bare\n" });
    await expect(openDataset(root)).rejects.toMatchObject({
      code: "dataset/bad-metadata",
      message: expect.stringMatching(/manifest.csv: two columns are called "label"; rename one$/),
    });
    await write({ "manifest.csv": "file_name,label,,\ntrain/1.jpg,mask,,\n" });
    const { samples } = await openDataset(root, { classes: ["mask", "bare"] });
    expect(samples.map(({ id, attributes }) => [id, attributes])).toEqual([["train/1.jpg", { split: "train" }]]);
  });

  test("a file without file_name, or JSON lines that are none, are refused", async () => {
    await write({ "manifest.csv": "path,label\na.jpg,b\n" });
    await expect(openDataset(root)).rejects.toMatchObject({
      code: "dataset/bad-metadata",
      message: expect.stringContaining("its columns are path, label"),
    });
    for (const text of ['{"file_name": ', "[1]", "3"]) {
      await write({ "metadata.jsonl": `{"file_name": "train/1.jpg", "label": "a"}\n${text}\n` });
      await expect(openDataset(root)).rejects.toMatchObject({
        code: "dataset/bad-metadata",
        message: expect.stringContaining("metadata.jsonl: line 2"),
      });
    }
  });
});

describe("what cannot be used says why", () => {
  const refuses = (code: string, message: string, options = {}) =>
    expect(openDataset(join(root, "data"), options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });

  test("missing, a file, empty", async () => {
    await refuses("dataset/missing", "no such folder");
    await write(["data"]);
    await refuses("dataset/missing", "is a file");
    await rm(join(root, "data"));
    await mkdir(join(root, "data"));
    await refuses("dataset/no-images", "expected one folder of pictures per class");
    await write(["data/a/1.txt", "data/2.md"]);
    await refuses("dataset/no-images", "only 2 other files");
    await write(["data/1.jpg"]);
    await refuses("dataset/no-images", "1 pictures lie in the folder itself");
  });

  test("one class, with the folder that was probably meant", async () => {
    await write(["data/faces/train/mask/1.jpg", "data/faces/train/bare/1.jpg"]);
    await refuses(
      "dataset/one-class",
      `only one class, faces; telling pictures apart needs two or more. Did you mean ${root}/data/faces, which holds train?`,
    );
  });

  test("an empty class folder, by name, in the split that is asked for", async () => {
    await write(["data/train/a/1.jpg", "data/train/b/notes.txt", "data/validation/a/1.jpg"]);
    await refuses("dataset/empty-class", `${root}/data/train/b`, { split: "train" });
    await expect(openDataset(join(root, "data"), { split: "validation" })).resolves.toMatchObject({
      classes: ["a", "b"],
    });
  });

  test("a class that training has no picture of", async () => {
    await write(["data/train/a/1.jpg", "data/train/b/1.jpg", "data/validation/c/1.jpg"]);
    await refuses("dataset/empty-class", "split train has no picture of c", { split: "train" });
  });

  test("classes the model does not know: both lists; a part of the model's classes is fine", async () => {
    await write(["data/Cat/1.jpg", "data/dog/1.jpg"]);
    await refuses(
      "dataset/unknown-class",
      "does not know Cat; the data set's classes are Cat, dog; the model's are cat, dog",
      { classes: ["cat", "dog"] },
    );
    const dataset = await openDataset(join(root, "data"), { classes: ["zebra", "dog", "Cat"] });
    expect(dataset.classes).toEqual(["zebra", "dog", "Cat"]);
    expect(labels(dataset)).toEqual({ "Cat/1.jpg": 2, "dog/1.jpg": 1 });
  });

  test("a folder that cannot be read", async () => {
    await write(["data/a/1.jpg", "data/b/1.jpg"]);
    await symlink("loop", join(root, "loop")); // opens with ELOOP whoever asks, where permissions do not stop root
    await expect(openDataset(join(root, "loop"))).rejects.toMatchObject({ code: "dataset/unreadable" });
  });
});

describe("pictures without labels", () => {
  const names = (samples: readonly { id: string; label: number }[]) => samples.map(({ id }) => id);

  test("are all that lie in a folder, however deep, a part kept back by the seed", async () => {
    await write([...numbered(".", 30), ...numbered("deep/er", 20), "notes.txt"]);
    const options = { seed: 1, validationFraction: 0.1 };
    const { train, validation } = await openUnsupervised(root, options);
    expect([train.length, validation.length]).toEqual([45, 5]);
    expect(new Set([...names(train), ...names(validation)]).size).toBe(50);
    expect(train.every(({ label }) => label === -1)).toBe(true);
    expect(names((await openUnsupervised(root, options)).validation)).toEqual(names(validation));
    expect(names((await openUnsupervised(root, { ...options, seed: 2 })).validation)).not.toEqual(names(validation));
  });

  test("are those of train and of unlabelled folders, measured on the validation split, whether in classes or not; the test split stays out", async () => {
    await write(["train/a/1.jpg", "train/b/2.jpg", "unlabelled/3.jpg", "validation/a/4.jpg", "test/b/5.jpg", "6.jpg"]);
    const { train, validation } = await openUnsupervised(root, { seed: 1, validationFraction: 0.5 });
    expect(names(train)).toEqual(["6.jpg", "train/a/1.jpg", "train/b/2.jpg", "unlabelled/3.jpg"]);
    expect(names(validation)).toEqual(["validation/a/4.jpg"]);
    await write(["flat/train/1.jpg", "flat/val/2.jpg", "flat/test/3.jpg", "flat/set/test/4.jpg"]);
    const flat = await openUnsupervised(join(root, "flat"), { seed: 1, validationFraction: 0.5 });
    expect([names(flat.train), names(flat.validation)]).toEqual([["train/1.jpg"], ["val/2.jpg"]]);
  });

  test("are those that metadata names", async () => {
    await write({ "metadata.csv": "file_name\na.jpg\nb.jpg\n", "a.jpg": "", "b.jpg": "", "c.jpg": "" });
    const { train, validation } = await openUnsupervised(root, { seed: 1, validationFraction: 0 });
    expect([names(train), validation]).toEqual([["a.jpg", "b.jpg"], []]);
  });
});
