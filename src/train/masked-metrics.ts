import type { BeitConfig } from "../beit/config.ts";
import type { Batch } from "../dataset/loader.ts";
import { perplexityOf } from "../evaluate/reconstruction.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import type { ImageTokenizer } from "../evaluate/tokens.ts";
import { inferenceGraphs } from "../graph/training.ts";
import { compile, evaluate } from "../session/session.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";
import { type Masking, maskedMicroBatches, tracePretraining } from "./pretrain-step.ts";
import type { MicroBatch } from "./stepper.ts";

/** How well masked patches of held-out pictures are predicted. */
export interface MaskedModellingMetrics {
  readonly pictures: number;
  /** Mean cross-entropy over masked patches in nats, or mean squared error of their pixels. */
  readonly loss: number;
  /** Where visual tokens are predicted. */
  readonly tokens?: {
    /** Share of masked patches whose token is the most likely one. */
    readonly accuracy: number;
    /** What guessing without looking comes to: loss of the tokens' frequencies, share of the commonest. */
    readonly blindLoss: number;
    readonly blindAccuracy: number;
    readonly vocabulary: number;
  };
}

/** Share of the visual tokens that are predicted; rows of `predicted` beyond those expected are padding. */
export function accuracyOf(predicted: readonly Float32Array[], expected: readonly BigInt64Array[]): number {
  let [hits, all] = [0, 0];
  for (const [i, labels] of expected.entries()) {
    for (const [j, label] of labels.entries()) if (predicted[i]![j] === Number(label)) hits++;
    all += labels.length;
  }
  return hits / all;
}

/** Loss and accuracy on the pictures that can be read, with masks that are the same every time. */
export async function measureMasked(
  { config, parameters }: TrainedModel,
  batches: AsyncIterable<Batch>,
  options: { masking: Masking; tokenizer: ImageTokenizer | undefined; seed: number },
): Promise<MaskedModellingMetrics> {
  const { masking, tokenizer, seed } = options;
  let session: Awaited<ReturnType<typeof compileForward>> | undefined;
  let [pictures, loss, hits, masked] = [0, 0, 0, 0];
  const counts = new Float64Array(config.vocabSize);
  try {
    for await (const batch of batches) {
      session ??= await compileForward(config, masking, batch.indices.length, parameters);
      const B = session.pictures;
      const { pixels, tokenizerPixels, blank } = filledUp(batch, B);
      if (blank.size === B) continue;
      const tokens = await tokenizer?.visualTokens(tokenizerPixels);
      const keys = Array.from({ length: B }, (_, i) => [seed, "evaluation", batch.first + i]);
      const { micros, labels } = maskedMicroBatches({ pixels, tokens, keys, blank }, config, {
        masking,
        microBatch: B,
        noise: [],
      });
      const outputs = await session.run(micros[0]!);
      const count = micros[0]!.weights!.filter((weight) => Number(weight) > 0).length;
      loss += (outputs.loss!.data as Float32Array)[0]! * count;
      for (const label of labels[0]!) counts[Number(label)]!++;
      if (outputs.predicted) hits += accuracyOf([outputs.predicted.data as Float32Array], labels) * count;
      masked += count;
      pictures += B - blank.size;
    }
  } finally {
    await session?.release();
  }
  const occurring = counts.filter((n) => n > 0).length;
  const blind = {
    blindLoss: Math.log(perplexityOf(counts)) + (occurring - 1) / (2 * masked), // counted on few: Miller 1955
    blindAccuracy: Math.max(...counts) / masked,
    vocabulary: config.vocabSize,
  };
  return {
    pictures,
    loss: loss / masked,
    ...(tokenizer ? { tokens: { accuracy: hits / masked, ...blind } } : {}),
  };
}

/** A batch filled up to so many pictures; `blank` are those that stand for none, or for one that cannot be read. */
function filledUp({ pixels, tokenizerPixels, indices, errors }: Batch, count: number) {
  const { length } = indices;
  const missing = Array.from({ length: count - length }, (_, i) => length + i);
  const blank = new Set([...errors.map(({ row }) => row), ...missing]);
  const fill = (values: Float32Array) => {
    if (length === count) return values;
    const filled = new Float32Array((values.length / length) * count);
    filled.set(values);
    return filled;
  };
  return { pixels: fill(pixels), tokenizerPixels: fill(tokenizerPixels), blank };
}

/** The forward pass of so many pictures with its weights inside. */
async function compileForward(
  config: BeitConfig,
  masking: Masking,
  pictures: number,
  parameters: TrainedModel["parameters"],
) {
  const { trace, outputs } = tracePretraining(config, masking, pictures, false);
  const { prepare, forward } = inferenceGraphs(outputs);
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const prepared = await evaluate(prepare, Object.fromEntries(used));
  const session = await compile(forward, { weights: new Map([...used, ...Object.entries(prepared)]) });
  return {
    pictures,
    run: (inputs: MicroBatch) =>
      session.run(
        Object.fromEntries(
          [...trace.inputs].map(([name, { shape }]): [string, Tensor] => {
            const data = inputs[name]!;
            return [name, data instanceof BigInt64Array ? { dtype: "int64", shape, data } : float32(data, shape)];
          }),
        ),
      ),
    release: () => session.release(),
  };
}
