// What the service bears: node bench/server.mjs [--seconds N] [--requests N]
// Throughput against the bulk rate, refusals at ten times the load (beside those of a bare server, which with the clients on
// the same cores are far from free), memory over many requests, recovery.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { loadClassifier, shippedModel } from "../dist/evaluate/pipeline.js";
import { createPredictor } from "../dist/evaluate/predictor.js";
import { describeMachine } from "./machine.mjs";
import { median, pairedRatios } from "./statistics.mjs";

const ROUNDS = 3;
const CLIENTS = 32;
const OVERLOAD = 10; // times as many clients
const root = new URL("../", import.meta.url);

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "5" }, requests: { type: "string", default: "20000" } },
});
const [seconds, requests] = [Number(values.seconds), Number(values.requests)];

/** The command as users run it; its address and its memory in MB. */
async function startServer() {
  const child = spawn(process.execPath, [new URL("dist/cli/main.js", root).pathname, "serve", "--port", "0"]);
  child.stdout.resume();
  const url = await new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (part) => {
      said += part;
      const [, found] = /at (http:\S+) /.exec(said) ?? [];
      if (found) resolve(found);
    });
    child.on("exit", () => reject(new Error(said)));
  });
  const residentMb = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]) / 1024;
  const stop = () => {
    child.removeAllListeners("exit");
    child.kill("SIGTERM");
    return new Promise((resolve) => child.on("exit", resolve));
  };
  return { url, residentMb, stop };
}

/** What the same clients get of a server that only refuses. */
async function bareRefusals(pictures, amount) {
  const child = spawn(process.execPath, [new URL("refusing-server.mjs", import.meta.url).pathname]);
  const port = await new Promise((resolve) => child.stdout.once("data", (part) => resolve(Number(part))));
  try {
    return await load(`http://127.0.0.1:${port}`, pictures, { clients: OVERLOAD * CLIENTS, amount });
  } finally {
    child.kill();
  }
}

async function demoPictures() {
  const folder = new URL("examples/", root);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".jpg"));
  return Promise.all(names.map((name) => readFile(new URL(name, folder))));
}

/** Pictures a second in bulk, as `beit predict` works, for about the same time as a round of load. */
async function bulkRate(predictor, pictures) {
  const end = performance.now() + 1000 * seconds;
  function* endless() {
    for (let i = 0; performance.now() < end; i++) yield { bytes: pictures[i % pictures.length], name: "picture" };
  }
  const started = performance.now();
  let count = 0;
  for await (const outcome of predictor.scores(endless())) if (outcome.logits) count++;
  return (1000 * count) / (performance.now() - started);
}

/**
 * Load from so many clients, one request at a time each; statuses and times of every answer. autocannon starts the clock of
 * a client's first request before there is a connection, and is busy with the other clients for 100 to 300 ms then: those
 * requests are timed from when they could be sent.
 */
async function load(url, pictures, { clients, ...amount }) {
  const connected = new Map();
  const instance = autocannon({
    setupClient: (client) =>
      queueMicrotask(() => client.conn.once("connect", () => connected.set(client, performance.now()))),
    url: `${url}/v1/classify`,
    method: "POST",
    connections: clients,
    requests: pictures.map((body) => ({ body, headers: { "content-type": "image/jpeg" } })),
    timeout: 60,
    ...amount,
  });
  const answers = [];
  instance.on("response", (client, status, _, ms) =>
    answers.push({ status, ms: Math.min(ms, performance.now() - connected.get(client)) }),
  );
  const { duration, errors, timeouts } = await instance;
  const served = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(({ status }) => status === 429 || status === 503);
  const other = answers.length - served.length - refused.length;
  return { rate: served.length / duration, served, refused, other, errors: errors + timeouts };
}

function percentile(answers, share) {
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : Number.NaN;
}

const say = (what, figure) => console.log(`${what.padEnd(58)}${figure}`);
const describe = ({ rate, served, refused, other, errors }) =>
  `${rate.toFixed(1)}/s, ${served.length} served (p99 ${percentile(served, 0.99).toFixed(0)} ms), ${refused.length} refused (p99 ${percentile(refused, 0.99).toFixed(0)} ms), ${other} others, ${errors} errors`;

async function throughput(url, pictures) {
  const predictor = await createPredictor(await loadClassifier(shippedModel(), { precision: "auto" })); // as serve does
  const [bulk, served] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    bulk.push(await bulkRate(predictor, pictures));
    served.push((await load(url, pictures, { clients: CLIENTS, duration: seconds })).rate);
  }
  await predictor.close();
  say(`bulk rate, pictures/s (median of ${ROUNDS})`, median(bulk).toFixed(1));
  say(`served to ${CLIENTS} clients, pictures/s`, median(served).toFixed(1));
  say("served / bulk, round by round (floor 0.85)", median(pairedRatios(served, bulk)).toFixed(3));
}

const { cpu, cores, node, loadAtStart } = describeMachine();
console.log(`${cpu}, ${cores} cores, Node ${node}, load ${loadAtStart.toFixed(1)}\n`);
const pictures = await demoPictures();
const server = await startServer();
try {
  await throughput(server.url, pictures);
  const clients = OVERLOAD * CLIENTS;
  say(`${clients} clients`, describe(await load(server.url, pictures, { clients, duration: seconds })));
  say(
    `${CLIENTS} clients right after`,
    describe(await load(server.url, pictures, { clients: CLIENTS, duration: seconds })),
  );
  const before = server.residentMb();
  if (requests > 0) {
    say(`${requests} requests`, describe(await load(server.url, pictures, { clients, amount: requests })));
    say(`${requests} requests to a bare server`, describe(await bareRefusals(pictures, requests)));
  }
  say("resident memory before and after, MB", `${before.toFixed(0)}, ${server.residentMb().toFixed(0)}`);
} finally {
  await server.stop();
}
