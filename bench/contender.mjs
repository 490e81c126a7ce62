// One side of a comparison: a workload in a process of its own, which waits while others are measured.
import { fork } from "node:child_process";
import { median, roundOrder } from "./statistics.mjs";

/**
 * Starts a workload of workloads/: `lanes` copies of it run at the same time, in threads.
 * @returns run(count, mode): milliseconds until every lane has run `count` times, with what the workload says of itself
 */
export async function startContender(name, { workload, lanes = 1, ...options }) {
  const child = fork(new URL("contender-process.mjs", import.meta.url), { serialization: "advanced" });
  let settle;
  const ask = (message) =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      child.send(message);
    });
  child.on("message", ({ failure, value }) =>
    failure ? settle.reject(new Error(`${name}: ${failure}`)) : settle.resolve(value),
  );
  child.on("exit", (code, signal) => settle.reject(new Error(`${name}: its process ended (${signal ?? code})`)));
  const facts = await ask({ start: { workload, lanes, options } });
  return {
    name,
    facts,
    run: (count, mode) => ask({ run: { count, mode } }),
    async close() {
      child.removeAllListeners("exit");
      child.kill();
    },
  };
}

/** Repetitions of a contender that take about `seconds`, `stretch` times as long for some; warms up. */
async function calibrate({ contender, mode, stretch = 1 }, given) {
  const seconds = stretch * given;
  const first = await contender.run(1, mode);
  if (first.ms > 1000 * seconds) return 1;
  const { ms } = await contender.run(1, mode);
  return Math.max(1, Math.round((1000 * seconds) / ms));
}

/**
 * Measures entries { contender, mode?, work, stretch? } in turn, `rounds` times. `work` is what one run of all lanes does (FLOPs,
 * images); the result's `rates` is work per second, round by round.
 */
export async function interleave(entries, { rounds, seconds }) {
  const sides = [];
  for (const entry of entries) sides.push({ ...entry, count: await calibrate(entry, seconds), rates: [], answers: [] });
  for (let round = 0; round < rounds; round++) {
    for (const i of roundOrder(sides.length, round)) {
      const { contender, mode, count, work, rates, answers } = sides[i];
      const answer = await contender.run(count, mode);
      rates.push((1000 * work * count) / answer.ms);
      answers.push(answer);
    }
  }
  return sides.map(({ rates, answers }) => ({
    rates,
    answers,
    cores: median(answers.map(({ cpuMs, ms }) => cpuMs / ms)),
  }));
}
