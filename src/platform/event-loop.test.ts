import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { createLoopWatch } from "./event-loop.ts";

it("tells a thread that works all the time from one that waits", async () => {
  const isBusy = createLoopWatch();
  const work = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; );
  };
  await sleep(200);
  expect(isBusy()).toBe(false);
  for (let i = 0; i < 4; i++) {
    work(60);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(isBusy()).toBe(true);
  await sleep(200);
  expect(isBusy()).toBe(false);
});
