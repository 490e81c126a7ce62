import type { BeitConfig } from "../beit/config.ts";
import type { Loader } from "../dataset/loader.ts";
import { createMeter } from "../dataset/meter.ts";
import type { Sample } from "../dataset/sample.ts";
import { createFeatureExtractor, featureShape } from "../evaluate/features.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import { layerId } from "../optim/groups.ts";
import { BeitError } from "../platform/errors.ts";
import { createRowFile } from "../platform/row-file.ts";
import type { Recipe } from "./recipe.ts";

/** Blocks that are not trained, from the first; undefined when everything is. @throws BeitError `recipe/invalid` */
export function frozenBlocks({ trainLayers }: Pick<Recipe, "trainLayers">, config: BeitConfig): number | undefined {
  if (trainLayers === undefined || trainLayers === null) return undefined;
  if (trainLayers <= config.numLayers) return config.numLayers - trainLayers;
  throw new BeitError("recipe/invalid", `trainLayers ${trainLayers}: the model has ${config.numLayers} blocks`);
}

/** Whether a parameter is above the frozen blocks. The position table that all layers share belongs to the lowest. */
export function isTrained(name: string, frozen: number | undefined, { numLayers }: BeitConfig): boolean {
  if (frozen === undefined) return true;
  return layerId(name, numLayers) > frozen && !/encoder\.relative_position_bias\./.test(name);
}

/**
 * Whether what the frozen blocks make of a picture is always the same, so that it is computed once and kept: without
 * augmentation, painting and choice of patches.
 */
export const isRepeated = ({ augment, occlusion, patchesPerCell }: Recipe): boolean =>
  augment === null && occlusion === undefined && patchesPerCell === 4;

/**
 * Shape of what the trained part reads of a picture, [n, D]: the tokens that the last frozen block gives; where all blocks
 * are frozen, [CLS] and the mean of the patches.
 */
export const frozenShape = (config: BeitConfig, frozen: number): [tokens: number, width: number] =>
  frozen === config.numLayers
    ? [2, config.hiddenSize]
    : (featureShape(config, "tokens") as [tokens: number, width: number]);

/**
 * A loader that gives, as `pixels`, what the frozen blocks make of each picture: computed when the picture is first drawn
 * and read from a file from then on. That file goes when the loader is closed.
 * @param path of the file
 * @throws BeitError as `createFeatureExtractor` and `createRowFile`
 */
export async function createFrozenLoader(
  model: TrainedModel,
  samples: readonly Sample[],
  frozen: number,
  path: string,
): Promise<Loader> {
  const pool = frozen === model.config.numLayers ? "concat" : "tokens";
  const [tokens, width] = frozenShape(model.config, frozen);
  const length = tokens * width;
  const file = await createRowFile(path, length);
  const described = { ...model, name: path, task: "classification" as const };
  const extractor = await createFeatureExtractor(described, { pool, layer: frozen }).catch(async (error) => {
    await file.close();
    throw error;
  });
  const kept = new Set<number>();
  const unreadable = new Map<number, BeitError>();
  const meter = createMeter(1);

  /** Computes those of the pictures that are not in the file yet. */
  const compute = async (indices: ReadonlySet<number>) => {
    const missing = [...indices].filter((index) => !kept.has(index) && !unreadable.has(index));
    let next = 0;
    for await (const outcome of extractor.scores(missing.map((index) => samples[index]!.path))) {
      const index = missing[next++]!;
      if ("error" in outcome) unreadable.set(index, outcome.error);
      else {
        await file.write(index, outcome.logits);
        kept.add(index);
      }
    }
  };
  return {
    async *batches(plan) {
      meter.start();
      try {
        for (const { epoch, first, indices } of plan) {
          const pixels = new Float32Array(indices.length * length);
          await meter.waiting(
            compute(new Set(indices)).then(() =>
              Promise.all(
                Array.from(indices, async (index, row) =>
                  kept.has(index) ? file.read(index, pixels.subarray(row * length, (row + 1) * length)) : undefined,
                ),
              ),
            ),
          );
          meter.images += indices.length;
          const labels = Int32Array.from(indices, (index) => samples[index]!.label);
          const errors = Array.from(indices, (index, row) => ({ row, index, error: unreadable.get(index) }));
          const known = errors.filter(
            (entry): entry is typeof entry & { error: BeitError } => entry.error !== undefined,
          );
          const batch = { epoch, first, indices: indices.slice(), pixels, labels, errors: known };
          yield { ...batch, tokenizerPixels: new Float32Array(0) };
        }
      } finally {
        meter.stop();
      }
    },
    statistics: meter.statistics,
    close: async () => void (await Promise.all([extractor.close(), file.close()])),
  };
}
