import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { globExpression, isImageName, listImages } from "./images.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "beit-images-"));
  for (const name of [
    "b.jpg",
    "a.PNG",
    "notes.txt",
    "sub/c.jpg",
    "sub/deep/d.webp",
    "odd[1].jpg",
    "empty/x.txt",
    "what?.jpg",
  ]) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), "");
  }
});
afterAll(() => rm(root, { recursive: true, force: true }));

const idsOf = async (...inputs: string[]) =>
  (await listImages(inputs.map((name) => join(root, name)))).map(({ id }) => id);

test("a folder gives its pictures by code point, with or without the folders below", async () => {
  expect(await idsOf("")).toEqual(["a.PNG", "b.jpg", "odd[1].jpg", "sub/c.jpg", "sub/deep/d.webp", "what?.jpg"]);
  expect(await listImages([root], { recursive: false })).toHaveLength(4);
  expect((await listImages([join(root, "sub")]))[0]).toEqual({ path: join(root, "sub/c.jpg"), id: "c.jpg" });
});

test("files are taken as given, in the order given, none twice", async () => {
  expect(await idsOf("sub/c.jpg", "notes.txt", "a.PNG", "sub")).toEqual(["c.jpg", "notes.txt", "a.PNG", "deep/d.webp"]);
});

test("patterns", async () => {
  expect(await idsOf("*.jpg")).toEqual(["b.jpg", "odd[1].jpg", "what?.jpg"]);
  expect(await idsOf("?.*")).toEqual(["a.PNG", "b.jpg"]);
  expect(await idsOf("**/*.jpg")).toEqual(["b.jpg", "odd[1].jpg", "sub/c.jpg", "what?.jpg"]);
  expect(await idsOf("s*/*")).toEqual(["sub/c.jpg"]);
  expect(await idsOf("sub/**")).toEqual(["c.jpg", "deep/d.webp"]);
  expect(await idsOf("what?.jpg")).toEqual(["what?.jpg"]);
});

test("what matches nothing says so", async () => {
  await expect(idsOf("none.jpg")).rejects.toMatchObject({
    code: "dataset/missing",
    message: `${join(root, "none.jpg")}: no such file or folder`,
  });
  await expect(idsOf("none/*.jpg")).rejects.toMatchObject({ code: "dataset/missing" });
  await expect(idsOf("empty")).rejects.toMatchObject({ code: "dataset/no-images" });
});

test("a pattern's other signs mean themselves", () => {
  expect(globExpression("a(1)+[x].{jpg}").test("a(1)+[x].{jpg}")).toBe(true);
  expect(globExpression("a.jpg").test("aXjpg")).toBe(false);
  expect(globExpression("?.jpg").test("\u{1F600}.jpg")).toBe(true);
  expect(globExpression("a/**/b").test("a/b")).toBe(true);
  expect(globExpression("a/*").test("a/b/c")).toBe(false);
});

test("pictures are told by their extension", () => {
  expect(["x.jpg", "X.JPEG", "y.tiff", "z.avif"].every(isImageName)).toBe(true);
  expect(["x.jpg.txt", "jpg", "x.json", "x.svg"].some(isImageName)).toBe(false);
});
