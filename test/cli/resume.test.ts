import { execFile, execFileSync, spawn } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { beit, beitUntil, jpeg, main, temporaryFolder, writeModel } from "./run.ts";

const cwd = temporaryFolder();
const COUNT = 600; // long enough for a signal to come in the middle
const arguments_ = ["predict", "photos", "--model", "model", "--workers", "1"];
const linesIn = (file: string) =>
  existsSync(join(cwd, file)) ? readFileSync(join(cwd, file), "utf8").split("\n").length - 1 : 0;

beforeAll(async () => {
  await writeModel(join(cwd, "model"));
  await writeModel(join(cwd, "other"), { dtype: "bfloat16" });
  mkdirSync(join(cwd, "photos"));
  const pictures = await Promise.all(Array.from({ length: 8 }, (_, i) => jpeg(30 * i + 15, String(i))));
  for (let i = 0; i < COUNT; i++) {
    writeFileSync(join(cwd, `photos/${String(i).padStart(4, "0")}.jpg`), i === 9 ? "broken" : pictures[i % 8]!);
  }
});

/** Ends a run by a signal once it has written answers, but not all. */
async function interrupt(output: string, signal: NodeJS.Signals) {
  const ready = () => linesIn(`${output}.partial`) > 10;
  const ended = await beitUntil([...arguments_, "-o", output], { cwd, ready, signal });
  expect(existsSync(join(cwd, output))).toBe(false);
  expect(linesIn(`${output}.partial`)).toBeLessThan(COUNT);
  return ended;
}

describe("predict --output", () => {
  it("goes on after kill -9 to the same bytes as an undisturbed run's", async () => {
    await interrupt("killed.csv", "SIGKILL");
    appendFileSync(join(cwd, "killed.csv.partial"), '{"file":"photos/0'); // as a killed write may end
    const resumed = await beit([...arguments_, "-o", "killed.csv"], { cwd });
    expect(resumed.code).toBe(1); // one picture is broken
    expect(resumed.stderr).toMatch(/^beit: going on after \d+ of 600 pictures\n/);
    expect(resumed.stderr).toContain("beit: 1 of 600 could not be read");
    const undisturbed = await beit([...arguments_, "-f", "csv"], { cwd });
    expect(readFileSync(join(cwd, "killed.csv"), "utf8")).toBe(undisturbed.stdout);
    expect(undisturbed.stdout.split("\r\n")).toHaveLength(COUNT + 2);
    expect(readdirSync(cwd).filter((name) => name.includes("killed"))).toEqual(["killed.csv"]);
  });

  it("keeps what it has on Ctrl-C, exits with 130 and says how to go on; not with another model", async () => {
    const { code, stderr } = await interrupt("stopped.jsonl", "SIGINT");
    expect(code).toBe(130);
    expect(readdirSync(cwd).filter((name) => name.includes("stopped"))).toEqual(["stopped.jsonl.partial"]);
    expect(stderr).toMatch(/interrupted after \d+ of 600 pictures; the same command goes on from there\n$/);
    const other = await beit(["predict", "photos", "--model", "other", "-o", "stopped.jsonl"], { cwd });
    expect(other.code).toBe(1);
    expect(other.stderr).toContain("stopped.jsonl.partial: was begun with another model");
  });
});

describe("predict into one file", () => {
  it("is refused while another process does, whose lock stays", async () => {
    const lock = join(cwd, "shared.csv.lock");
    writeFileSync(lock, `${process.pid}\n`); // as a run of this process, which goes on, would
    const { code, stderr } = await beit([...arguments_, "-o", "shared.csv"], { cwd });
    expect(code).toBe(1);
    expect(stderr).toContain(`beit: shared.csv: another run (process ${process.pid}) is writing here`);
    expect(readdirSync(cwd).filter((name) => name.includes("shared"))).toEqual(["shared.csv.lock"]);
  });

  it("takes over the lock of a process that is gone, and leaves none", async () => {
    writeFileSync(join(cwd, "orphan.csv.lock"), "4194305\n"); // above Linux' largest process number
    expect((await beit([...arguments_, "-o", "orphan.csv"], { cwd })).code).toBe(1); // one picture is broken
    expect(readdirSync(cwd).filter((name) => name.includes("orphan"))).toEqual(["orphan.csv"]);
  });

  it("writes to a pipe as it is, and through a link", async () => {
    execFileSync("mkfifo", [join(cwd, "pipe")]);
    symlinkSync("linked.jsonl", join(cwd, "link"));
    writeFileSync(join(cwd, "linked.jsonl"), "");
    const list = ["photos/0000.jpg", "photos/0001.jpg"];
    const predict = (output: string) =>
      beit(["predict", ...list, "-m", "model", "-f", "jsonl", "--workers", "0", "-o", output], { cwd });
    const read = promisify(execFile)("cat", [join(cwd, "pipe")]);
    expect((await predict("pipe")).code).toBe(0);
    expect(lstatSync(join(cwd, "pipe")).isFIFO()).toBe(true);
    expect((await predict("link")).code).toBe(0);
    expect(lstatSync(join(cwd, "link")).isSymbolicLink()).toBe(true);
    const { stdout } = await read;
    expect(stdout.trimEnd().split("\n")).toHaveLength(2);
    expect(readFileSync(join(cwd, "linked.jsonl"), "utf8")).toBe(stdout);
  });

  it("saves and exits with 130 though nobody reads what it says", async () => {
    const child = spawn(process.execPath, [main, ...arguments_, "-o", "silent.csv"], {
      cwd,
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr.destroy();
    const exit = new Promise((resolve) => child.on("exit", resolve));
    while (linesIn("silent.csv.partial") < 10) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGINT");
    expect(await exit).toBe(130);
  });
});

describe("predict --shard", () => {
  it("answers the whole list in parts", async () => {
    const list = Array.from({ length: 5 }, (_, i) => `photos/000${i}.jpg`);
    const run = (more: string[]) =>
      beit(["predict", ...list, "-m", "model", "-f", "jsonl", "--workers", "0", ...more], { cwd });
    const [whole, first, second] = await Promise.all([run([]), run(["--shard", "1/2"]), run(["--shard", "2/2"])]);
    const filesOf = (text: string) =>
      text
        .trimEnd()
        .split("\n")
        .map((line) => (JSON.parse(line) as { file: string }).file);
    expect(filesOf(first!.stdout)).toEqual(list.slice(0, 2));
    expect(filesOf(first!.stdout + second!.stdout)).toEqual(filesOf(whole!.stdout));
    const wrong = await run(["--shard", "3/2"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("Expected i/n with i from 1 to n");
  });
});
