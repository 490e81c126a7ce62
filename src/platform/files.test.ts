import { mkdtempSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readFile } from "./files.ts";

it("reads a file of more than 2 GiB, which Node refuses to read at once", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "beit-files-")), "large");
  const length = 2 ** 31 + 5;
  const file = await open(path, "w");
  await file.write(Buffer.from("end"), 0, 3, length - 3); // what lies before is a hole, which takes no room on the disk
  await file.close();
  const bytes = await readFile(path);
  await rm(path);
  expect(bytes.length).toBe(length);
  expect([...bytes.subarray(length - 5)]).toEqual([0, 0, ...Buffer.from("end")]);
}, 120_000);
