const BINS = 4096; // even; over both signs

/** How often values were seen in equal bins from −reach to reach, and the extremes. */
export interface Histogram {
  readonly counts: Float64Array;
  readonly reach: number;
  readonly least: number;
  readonly most: number;
}

/** A histogram that grows with the values it is shown: its reach doubles, and neighbouring bins merge. */
export function createHistogram(): Histogram & { add(values: Float32Array): void } {
  const counts = new Float64Array(BINS);
  let [reach, least, most] = [2 ** -10, 0, 0];
  const grow = (largest: number) => {
    while (reach < largest) {
      const half = BINS / 2;
      const before = counts.slice();
      counts.fill(0);
      // The bin at distance d from the middle comes to distance d / 2, on its side.
      for (let i = 0; i < BINS; i++) counts[half + Math.floor((i - half) / 2)]! += before[i]!;
      reach *= 2;
    }
  };
  return {
    counts,
    get reach() {
      return reach;
    },
    get least() {
      return least;
    },
    get most() {
      return most;
    },
    add(values) {
      for (const value of values) {
        if (value < least) least = value;
        if (value > most) most = value;
      }
      grow(Math.max(-least, most));
      const perUnit = BINS / (2 * reach);
      for (const value of values) {
        const bin = Math.floor((value + reach) * perUnit);
        counts[bin < BINS ? bin : BINS - 1]! += 1;
      }
    },
  };
}
