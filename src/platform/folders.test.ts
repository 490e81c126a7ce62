import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compareCodePoints, listFolder, pathKind, walkFiles } from "./folders.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "beit-folders-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function touch(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(join(root, name, ".."), { recursive: true });
    await writeFile(join(root, name), "");
  }
}

test("names come by code point, not by UTF-16 code unit", () => {
  const names = ["\u{1F600}", "\uFF5E", "b", "B", "a", "é", "a1"];
  expect(names.sort(compareCodePoints)).toEqual(["B", "a", "a1", "b", "é", "\uFF5E", "\u{1F600}"]);
  expect(compareCodePoints("same", "same")).toBe(0);
});

test("walks nested folders, leaves hidden names out, orders by whole path", async () => {
  await touch("b/2.jpg", "b/1.jpg", "b.jpg", "a/deep/er/x.png", ".hidden/y.jpg", "b/.DS_Store");
  expect(await walkFiles(root)).toEqual(["a/deep/er/x.png", "b.jpg", "b/1.jpg", "b/2.jpg"]);
  expect(await walkFiles(root, { recursive: false })).toEqual(["b.jpg"]);
});

test("links are followed, circles end, a dangling link is a file", async () => {
  await touch("a/1.jpg", "other/2.jpg");
  await symlink(root, join(root, "a", "circle"));
  await symlink(join(root, "other"), join(root, "a", "more"));
  await symlink(join(root, "nowhere.jpg"), join(root, "a", "gone.jpg"));
  expect(await walkFiles(join(root, "a"))).toEqual(["1.jpg", "gone.jpg", "more/2.jpg"]); // not what lies above
  expect(await listFolder(join(root, "a"))).toContainEqual({ name: "gone.jpg", kind: "file" });
});

test("what is no regular file is no file to read", async () => {
  await touch("1.jpg");
  execFileSync("mkfifo", [join(root, "pipe.jpg")]);
  await symlink("/dev/zero", join(root, "endless.jpg"));
  expect(await walkFiles(root)).toEqual(["1.jpg"]);
});

test("a folder that is missing or closed says so", async () => {
  await expect(listFolder(join(root, "none"))).rejects.toMatchObject({
    code: "file/unreadable",
    message: `${join(root, "none")}: the folder cannot be read: no such file or folder`,
  });
  expect(await pathKind(join(root, "none"))).toBeUndefined();
  await mkdir(join(root, "closed"));
  await chmod(join(root, "closed"), 0o000);
  if (process.getuid?.() !== 0) await expect(walkFiles(root)).rejects.toMatchObject({ code: "file/unreadable" });
});
