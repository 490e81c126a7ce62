import { afterEach, expect, test, vi } from "vitest";
import { createMeter } from "./meter.ts";

afterEach(() => vi.useRealTimers());

test("shares are of the time between start and stop", async () => {
  vi.useFakeTimers();
  const meter = createMeter(2);
  expect(meter.statistics()).toEqual({ images: 0, imagesPerSecond: 0, waitShare: 0, idleShare: 0, cachedShare: 0 });
  vi.advanceTimersByTime(5000); // before the start: does not count
  meter.start();
  const waited = meter.waiting(new Promise((resolve) => setTimeout(resolve, 500)));
  await vi.advanceTimersByTimeAsync(500);
  await waited;
  vi.advanceTimersByTime(1500);
  meter.note(0, 6, { failures: [], cached: 3, busyMs: 600 });
  meter.note(1, 6, { failures: [], cached: 0, busyMs: 100 });
  meter.note(1, 4, { failures: [], cached: 1, busyMs: 200 }); // busyMs is a reader's total so far
  meter.images += 10;
  const expected = { images: 10, imagesPerSecond: 5, waitShare: 0.25, idleShare: 0.8, cachedShare: 0.25 };
  expect(meter.statistics()).toEqual(expected);
  meter.stop();
  vi.advanceTimersByTime(5000);
  expect(meter.statistics()).toEqual(expected);
});
