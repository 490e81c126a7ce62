// The process of a contender: one lane runs right here, several in threads.
import { parentPort, Worker, workerData } from "node:worker_threads";

const loadWorkload = async ({ workload, options }) => (await import(`./workloads/${workload}.mjs`)).load(options);

/** A lane in a thread of its own; `run` answers when it is through. */
async function startThread(data) {
  const worker = new Worker(new URL(import.meta.url), { workerData: data });
  const next = () =>
    new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  const { facts } = await next();
  return {
    facts,
    run(count, mode) {
      worker.removeAllListeners("error");
      const answer = next();
      worker.postMessage({ count, mode });
      return answer;
    },
  };
}

/** A lane in this thread. */
async function startHere(data) {
  const { begin, run, facts, takeDetails } = await loadWorkload(data);
  return {
    facts,
    async run(count, mode) {
      await begin?.(mode, count);
      for (let i = 0; i < count; i++) await run(mode);
      return takeDetails?.() ?? {};
    },
  };
}

async function measure(lanes, { count, mode }) {
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  const [details] = await Promise.all(lanes.map((lane) => lane.run(count, mode)));
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000, residentBytes: process.memoryUsage.rss(), ...details };
}

function serveProcess() {
  let lanes = [];
  const handle = async ({ start, run }) => {
    if (run) return measure(lanes, run);
    const startLane = start.lanes > 1 ? startThread : startHere;
    lanes = await Promise.all(Array.from({ length: start.lanes }, () => startLane(start)));
    return lanes[0].facts;
  };
  process.on("disconnect", () => process.exit());
  process.on("message", (message) =>
    handle(message).then(
      (value) => process.send({ value }),
      (error) => process.send({ failure: error.stack ?? String(error) }),
    ),
  );
}

async function serveThread() {
  const { run, facts } = await startHere(workerData);
  parentPort.on("message", async ({ count, mode }) => parentPort.postMessage(await run(count, mode)));
  parentPort.postMessage({ facts });
}

if (parentPort) await serveThread();
else serveProcess();
