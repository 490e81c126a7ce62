import { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import type { Sample } from "./sample.ts";

/** The pictures of a split that something is chosen by, and the others, that the result is measured on. */
export interface CalibrationSplit {
  readonly calibration: readonly Sample[];
  readonly rest: readonly Sample[];
}

/**
 * Draws up to `count` pictures, half of them at most, and leaves groups whole.
 * @throws BeitError `dataset/too-few` when there is nothing to leave for measuring
 */
export function drawCalibration(samples: readonly Sample[], count: number, seed: number): CalibrationSplit {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = sample.group === undefined ? `sample ${sample.id}` : `group ${sample.group}`;
    const group = groups.get(key) ?? [];
    group.push(sample);
    groups.set(key, group);
  }
  const wanted = Math.min(count, Math.floor(samples.length / 2));
  const calibration: Sample[] = [];
  const rest: Sample[] = [];
  for (const group of random(seed, "calibration").shuffle([...groups.values()])) {
    const side = calibration.length + group.length <= wanted ? calibration : rest;
    for (const sample of group) side.push(sample);
  }
  if (calibration.length > 0) return { calibration, rest };
  const message = `expected two pictures or more that are not of one group, got ${samples.length}`;
  throw new BeitError("dataset/too-few", `calibration: ${message}`);
}
