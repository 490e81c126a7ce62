/** Pictures and times since the meter was last read. */
export interface Measured {
  readonly images: number;
  readonly seconds: number;
  readonly waitedSeconds: number;
}

/** Clock of the loop: waiting for data, stepping, pausing (evaluation and saving). */
export function createMeter() {
  let mark = performance.now();
  let [images, seconds, waitedSeconds, waitingNow] = [0, 0, 0, 0];
  const lap = () => {
    const elapsed = (performance.now() - mark) / 1000;
    mark = performance.now();
    return elapsed;
  };
  return {
    dataArrived() {
      waitingNow = lap();
      waitedSeconds += waitingNow;
    },
    /** Seconds of the step, its waiting included. */
    stepDone(count: number): number {
      const elapsed = waitingNow + lap();
      seconds += elapsed;
      images += count;
      return elapsed;
    },
    pauseDone: lap,
    take(): Measured {
      const measured = { images, seconds, waitedSeconds };
      [images, seconds, waitedSeconds] = [0, 0, 0];
      return measured;
    },
  };
}
