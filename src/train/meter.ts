/** Pictures and times since the meter was last read. */
export interface Measured {
  readonly images: number;
  readonly seconds: number;
  readonly waitedSeconds: number;
  /** Spent making the inputs of micro-batches. */
  readonly preparedSeconds: number;
}

/** Clock of the loop: waiting for data, stepping, pausing (evaluation and saving). */
export function createMeter() {
  let mark = performance.now();
  let [images, seconds, waitedSeconds, preparedSeconds, before] = [0, 0, 0, 0, 0];
  const lap = () => {
    const elapsed = (performance.now() - mark) / 1000;
    mark = performance.now();
    return elapsed;
  };
  return {
    dataArrived() {
      before = lap();
      waitedSeconds += before;
    },
    inputsPrepared() {
      const elapsed = lap();
      preparedSeconds += elapsed;
      before += elapsed;
    },
    /** Seconds of the step, waiting and preparing included. */
    stepDone(count: number): number {
      const elapsed = before + lap();
      seconds += elapsed;
      images += count;
      return elapsed;
    },
    pauseDone: lap,
    take(): Measured {
      const measured = { images, seconds, waitedSeconds, preparedSeconds };
      [images, seconds, waitedSeconds, preparedSeconds] = [0, 0, 0, 0];
      return measured;
    },
  };
}
