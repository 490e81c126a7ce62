import { sayOver } from "../platform/console.ts";
import { countText, durationText } from "../report/numbers.ts";

const INTERVAL_MS = 200;

/** One line of progress on a terminal: pictures done, rate, time left; nothing elsewhere. `finish` clears it. */
export function createProgress(): { update(done: number, total: number): void; finish(): void } {
  const began = performance.now();
  let shown = began;
  return {
    update(done, total) {
      const now = performance.now();
      if (now - shown < INTERVAL_MS) return;
      shown = now;
      const rate = done / ((now - began) / 1000);
      const left = durationText((total - done) / rate);
      sayOver(`${countText(done)} of ${countText(total)} pictures, ${rate.toFixed(1)} per second, ${left} left`);
    },
    finish: () => sayOver(""),
  };
}
