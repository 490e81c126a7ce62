import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { expect, it } from "vitest";
import { jpeg, main } from "../cli/run.ts";
import { writeModels } from "./service.ts";

/** Starts `beit serve` and waits for its address. */
async function serve(args: readonly string[]) {
  const child = spawn(process.execPath, [main, "serve", "--port", "0", ...args]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part: Buffer) => (stdout += part));
  const ended = new Promise<number | null>((resolve) => child.on("close", (code) => resolve(code)));
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on("data", (part: Buffer) => {
      stderr += part;
      const [, found] = /at (http:\S+) /.exec(stderr) ?? [];
      if (found) resolve(found);
    });
    void ended.then(() => reject(new Error(stderr)));
  });
  return { child, url, ended, log: () => stdout, talk: () => stderr };
}

/** Posts a picture; the status, or the code of the error. */
function ask(url: string, body: Uint8Array, agent: Agent): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "image/jpeg", "content-length": body.length };
    const asked = request(`${url}/v1/classify`, { method: "POST", agent, headers }, (response) => {
      response.on("end", () => resolve(response.complete ? response.statusCode! : "cut off"));
      response.on("error", () => resolve("cut off"));
      response.resume();
    });
    asked.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end(body);
  });
}

it("SIGTERM in mid-load loses nothing that was accepted, and the process ends with 0", async () => {
  const models = await writeModels();
  const { child, url, ended, log, talk } = await serve(["--model", models.get("small")!, "--workers", "1"]);
  const picture = await jpeg(80, "load");
  const outcomes = new Map<number | string, number>();
  const client = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let outcome: number | string = 200; outcome === 200; ) {
      outcome = await ask(url, picture, agent);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    agent.destroy();
  };
  const clients = Promise.all(Array.from({ length: 16 }, client));
  await expect.poll(() => outcomes.get(200) ?? 0, { timeout: 60_000 }).toBeGreaterThan(50);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  await clients;
  // Every client ends with a connection that was never taken: refused, or reset while it waited to be accepted.
  expect((outcomes.get("ECONNREFUSED") ?? 0) + (outcomes.get("ECONNRESET") ?? 0)).toBe(16);
  expect(talk()).toContain("stopping: answering what was accepted");
  const entries = log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { message: string; status: number });
  const answered = entries.filter(({ message }) => message === "request").map(({ status }) => status);
  expect(new Set(answered)).toEqual(new Set([200]));
  expect(answered).toHaveLength(outcomes.get(200)!); // what the service took on is what the clients have
});

it("a model that is not there, or two of one name, end at once with the reason", async () => {
  await expect(serve(["--model", "nowhere"])).rejects.toThrow("beit: nowhere: no such model");
  await expect(serve(["--model", "a=x", "a=y"])).rejects.toThrow('two models are called "a"');
});
