import { performance } from "node:perf_hooks";

const LOOK_BACK_MS = 100;
const FULL = 0.95; // share of the time

/** A function that tells whether the event loop of this thread was at work nearly all of the last tenths of a second. */
export function createLoopWatch(): () => boolean {
  let [since, until] = [performance.now(), performance.eventLoopUtilization()];
  let full = false;
  return () => {
    const now = performance.now();
    if (now - since >= LOOK_BACK_MS) {
      const reached = performance.eventLoopUtilization();
      full = performance.eventLoopUtilization(reached, until).utilization >= FULL;
      [since, until] = [now, reached];
    }
    return full;
  };
}
