import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const root = mkdtempSync(join(tmpdir(), "beit-race-"));
const script = join(root, "child.mjs");
let children: ChildProcess[];

beforeAll(async () => {
  const runs = JSON.stringify(new URL("../../dist/platform/runs.js", import.meta.url).href);
  writeFileSync(
    script,
    `import { lockFolder } from ${runs};
    let unlock;
    process.on("message", async (order) => {
      if (order === "take") unlock = await lockFolder(${JSON.stringify(root)}).catch(({ code }) => code);
      else if (typeof unlock === "function") await unlock();
      process.send(typeof unlock === "string" ? unlock : "held");
    });
    process.send("ready");`,
  );
  children = Array.from({ length: 4 }, () => fork(script));
  await Promise.all(children.map((child) => once(child, "message")));
});
afterAll(() => {
  for (const child of children) child.kill();
  rmSync(root, { recursive: true, force: true });
});

const tell = (order: string) =>
  Promise.all(
    children.map(async (child) => {
      const answer = once(child, "message");
      child.send(order);
      return (await answer)[0] as string;
    }),
  );

it.each([
  ["nothing", undefined],
  ["a lock of a process that is gone", `${2 ** 30}\n`],
  ["a lock without a number", ""],
])("of processes that want a folder at once just one gets it: %s lies there", async (_, left) => {
  for (let round = 0; round < 40; round++) {
    if (left !== undefined) writeFileSync(join(root, ".lock"), left);
    const answers = await tell("take");
    expect(answers.sort()).toEqual(["held", "run/locked", "run/locked", "run/locked"]);
    await tell("give back");
  }
});
