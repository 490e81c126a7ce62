import { compareCodePoints } from "../platform/folders.ts";
import { random } from "../tensor/random.ts";
import type { Sample } from "./sample.ts";

/** The part of a sample that splitting looks at. */
export type Splittable = Pick<Sample, "id" | "label" | "group">;

interface Unit<T> {
  key: string;
  bits: number;
  samples: T[];
  /** Samples per label. */
  counts: Map<number, number>;
}

/**
 * Divides samples into train and validation: stratified by label, whole groups on one side. Each unit (a group, or a
 * sample without one) has a random rank that depends on the seed and its own key only, so neither the order of files nor
 * the machine changes the result, and adding files moves few of the others. Every label's share comes within its largest
 * group of `fraction`, and a label with two units or more is on both sides. Labels sharing a group are balanced together.
 * @param fraction share of samples that go to validation, in [0, 1)
 * @throws RangeError for a fraction outside [0, 1).
 */
export function splitSamples<T extends Splittable>(
  samples: readonly T[],
  fraction: number,
  seed: number,
): { train: T[]; validation: T[] } {
  if (!(fraction >= 0 && fraction < 1)) throw new RangeError(`splitSamples: fraction ${fraction} is not in [0, 1)`);
  const units = unitsOf(samples, seed);
  const chosen = fraction === 0 ? new Set<string>() : chooseUnits(units, fraction);
  const train: T[] = [];
  const validation: T[] = [];
  for (const unit of units) {
    const side = chosen.has(unit.key) ? validation : train;
    for (const sample of unit.samples) side.push(sample);
  }
  const byId = (a: T, b: T) => compareCodePoints(a.id, b.id);
  return { train: train.sort(byId), validation: validation.sort(byId) };
}

/** Groups and single samples in their random order. */
function unitsOf<T extends Splittable>(samples: readonly T[], seed: number): Unit<T>[] {
  const units = new Map<string, Unit<T>>();
  for (const sample of samples) {
    const key = sample.group === undefined ? `sample ${sample.id}` : `group ${sample.group}`;
    const unit: Unit<T> = units.get(key) ?? {
      key,
      bits: random(seed, "split", key).bits(),
      samples: [],
      counts: new Map(),
    };
    unit.samples.push(sample);
    unit.counts.set(sample.label, (unit.counts.get(sample.label) ?? 0) + 1);
    units.set(key, unit);
  }
  return [...units.values()].sort((a, b) => a.bits - b.bits || compareCodePoints(a.key, b.key));
}

/**
 * Takes each unit, in order, that brings the labels' counts closer to their targets. For a label whose groups hold no
 * other label this ends within half its largest group of the target: a unit of u samples is taken while the missing d
 * exceeds u/2, so the overshoot is below u/2, and one that was refused leaves at most u/2 missing.
 */
function chooseUnits(units: readonly Unit<unknown>[], fraction: number): Set<string> {
  const missing = new Map<number, number>();
  for (const { counts } of units) {
    for (const [label, n] of counts) missing.set(label, (missing.get(label) ?? 0) + fraction * n);
  }
  const chosen = new Set<string>();
  for (const unit of units) {
    const gains = [...unit.counts].map(
      ([label, n]) => Math.abs(missing.get(label)!) - Math.abs(missing.get(label)! - n),
    );
    if (gains.reduce((a, b) => a + b, 0) <= 0) continue;
    chosen.add(unit.key);
    for (const [label, n] of unit.counts) missing.set(label, missing.get(label)! - n);
  }
  for (const label of oneSided(units, chosen)) {
    if (oneSided(units, chosen).includes(label)) moveSmallest(units, label, chosen); // else another label's move has done it
  }
  return chosen;
}

/** Labels with two units or more that all lie on one side. */
function oneSided(units: readonly Unit<unknown>[], chosen: ReadonlySet<string>): number[] {
  const seen = new Map<number, { units: number; taken: number }>();
  for (const { key, counts } of units) {
    for (const label of counts.keys()) {
      const count = seen.get(label) ?? { units: 0, taken: 0 };
      count.units++;
      if (chosen.has(key)) count.taken++;
      seen.set(label, count);
    }
  }
  return [...seen]
    .filter(([, c]) => c.units > 1 && (c.taken === 0 || c.taken === c.units))
    .map(([label]) => label)
    .sort((a, b) => a - b);
}

/** Puts the label's smallest unit on the other side. */
function moveSmallest(units: readonly Unit<unknown>[], label: number, chosen: Set<string>): void {
  const holding = units.filter(({ counts }) => counts.has(label));
  const { key } = holding.reduce((a, b) => (b.samples.length < a.samples.length ? b : a));
  if (!chosen.delete(key)) chosen.add(key);
}
