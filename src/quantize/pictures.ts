import type { Sample } from "../dataset/sample.ts";
import { readBatch } from "../evaluate/batch.ts";
import type { Classifier } from "../evaluate/predictor.ts";
import { BeitError } from "../platform/errors.ts";
import { random } from "../tensor/random.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";

/** Pictures that go through the graph at once: all inputs of its products are copied out while ranges are measured. */
const BATCH = 4;

/** The pictures of a split that ranges and parts are chosen by, and the others, that the result is measured on. */
export interface CalibrationSplit {
  readonly calibration: readonly Sample[];
  readonly rest: readonly Sample[];
}

/**
 * Draws up to `count` pictures, half of them at most, and leaves groups whole.
 * @throws BeitError `quantize/too-few` when there is nothing to leave for measuring
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
    side.push(...group);
  }
  if (calibration.length > 0) return { calibration, rest };
  const message = `expected two pictures or more that are not of one group, got ${samples.length}`;
  throw new BeitError("quantize/too-few", `calibration: ${message}`);
}

/**
 * The pictures as the model takes them, a few at a time: [b, C, H, W].
 * @throws BeitError of the first picture that cannot be read
 */
export async function readPictures(
  { config, processor }: Classifier,
  samples: readonly Sample[],
): Promise<Tensor<"float32">[]> {
  const shape = [config.numChannels, ...config.imageSize] as const;
  const batches: Tensor<"float32">[] = [];
  for (let first = 0; first < samples.length; first += BATCH) {
    const paths = samples.slice(first, first + BATCH).map(({ path }) => path);
    const { data, errors } = await readBatch(paths, { processor, shape });
    const [error] = errors;
    if (error) throw new BeitError(error.code, error.message);
    batches.push(float32(data, [paths.length, ...shape]));
  }
  return batches;
}
