import type { Sample } from "../dataset/sample.ts";
import { readBatch } from "../evaluate/batch.ts";
import type { Classifier } from "../evaluate/predictor.ts";
import { BeitError } from "../platform/errors.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";

/** Pictures that go through the graph at once: all inputs of its products are copied out while ranges are measured. */
const BATCH = 4;

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
