import { createLoopWatch } from "../platform/event-loop.ts";

/** Time as the service sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Runs a task after so many milliseconds unless the returned function is called before. */
  after(ms: number, task: () => void): () => void;
  /** Whether this thread had hardly a moment to spare of late. */
  busy(): boolean;
}

/** The machine's clock. */
export const systemClock: Clock = {
  busy: createLoopWatch(),
  now: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
};
