const MOST_THREADS = 4; // beyond, small graphs wait more than they work, and phones get hot

/** Threads that an operator may use: 1 where the page is not cross-origin isolated, since there is no shared memory then. */
export function coreCount(): number {
  return globalThis.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
}
