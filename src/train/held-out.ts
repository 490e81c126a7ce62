import { type Batch, createLoader } from "../dataset/loader.ts";
import type { Preparation } from "../dataset/reader.ts";
import type { Sample } from "../dataset/sample.ts";
import { epochOrder, planBatches } from "../dataset/sampler.ts";

/** Pictures that a self-supervised run is measured on at most: enough for three figures of a mean over their patches. */
const MOST = 1024;

/** So many of the pictures kept back, mixed, the same every time; all where there are fewer. */
export function heldOut(samples: readonly Sample[], seed: number): Sample[] {
  const { length } = samples;
  const chosen = epochOrder({ length, epoch: 0, seed, count: Math.min(MOST, length) });
  return Array.from(chosen, (i) => samples[i]!);
}

/** Batches of pictures in order, prepared without augmentation; those that cannot be read are named, and blank. */
export async function* batchesOf(
  samples: readonly Sample[],
  preparation: Omit<Preparation, "augment">,
  batchSize: number,
  onUnreadable: (message: string) => void = () => undefined,
): AsyncGenerator<Batch> {
  const loader = await createLoader({ ...preparation, samples, batchSize, cacheBytes: 0 });
  try {
    const order = Int32Array.from(samples.keys());
    for await (const batch of loader.batches(planBatches(order, { batchSize, epoch: 0 }))) {
      for (const { error } of batch.errors) onUnreadable(error.message);
      yield batch;
    }
  } finally {
    await loader.close();
  }
}
