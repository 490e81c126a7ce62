import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lockFolder } from "./runs.ts";

const root = mkdtempSync(join(tmpdir(), "beit-runs-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("lockFolder", () => {
  it("holds a folder until it is given back", async () => {
    const unlock = await lockFolder(root);
    await expect(lockFolder(root)).rejects.toMatchObject({ code: "run/locked" });
    await unlock();
    await (await lockFolder(root))();
  });

  it("takes over what another process left, also one with this process's number, as in a container", async () => {
    for (const pid of [process.pid, 2 ** 30]) {
      writeFileSync(join(root, ".lock"), `${pid}\n`);
      await (await lockFolder(root))();
    }
  });

  it("takes the folders that it made away again, where nothing was put into them", async () => {
    await (await lockFolder(join(root, "a/b/c")))();
    expect(existsSync(join(root, "a"))).toBe(false);
    const unlock = await lockFolder(join(root, "a/b/c"));
    writeFileSync(join(root, "a/kept"), "");
    await unlock();
    expect(readdirSync(join(root, "a"))).toEqual(["kept"]);
    await (await lockFolder(join(root, "a")))();
    expect(existsSync(join(root, "a"))).toBe(true);
  });

  it("respects another process that runs", async () => {
    writeFileSync(join(root, ".lock"), `${process.ppid}\n`);
    await expect(lockFolder(root)).rejects.toMatchObject({ code: "run/locked" });
  });
});
