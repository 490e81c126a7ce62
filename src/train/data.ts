import { requireEveryClass } from "../dataset/classes.ts";
import { openDataset, openUnsupervised } from "../dataset/folder.ts";
import { type Occlusion, parseOcclusion } from "../dataset/occlusion.ts";
import type { Sample } from "../dataset/sample.ts";
import { type BatchPlan, balanceWeights, epochOrder, planBatches } from "../dataset/sampler.ts";
import { requireAttribute } from "../dataset/select.ts";
import { splitSamples } from "../dataset/split.ts";
import { BeitError } from "../platform/errors.ts";
import { digest, readText } from "../platform/files.ts";
import type { Recipe } from "./recipe.ts";
import type { Settings } from "./settings.ts";

/** The pictures of a run. */
export interface TrainingData {
  readonly classes: readonly string[];
  /** Training pictures, those of `extra` included. */
  readonly samples: readonly Sample[];
  readonly validation: readonly Sample[];
  /** Expected draws of each training picture in an epoch; absent: each once. */
  readonly weights?: Float64Array | undefined;
  /** Draws per epoch. */
  readonly epochLength: number;
  readonly occlusion: Occlusion | undefined;
  /** Tells these pictures, labels and occlusion recipe from others. */
  readonly fingerprint: string;
}

/** Opens what a recipe trains and validates on. @throws BeitError as `openDataset` and `parseOcclusion` do */
export async function openTrainingData(root: string, recipe: Recipe): Promise<TrainingData> {
  const options = {
    seed: recipe.seed,
    validationFraction: recipe.validationFraction,
    ...(recipe.holdout ? { holdout: recipe.holdout } : {}),
  };
  const train = await openDataset(root, { ...options, split: "train" });
  const validation = await openDataset(root, { ...options, split: "validation", classes: train.classes });
  const samples: Sample[] = [...splitSamples(train.samples, 1 - recipe.labelFraction, recipe.seed).train];
  requireEveryClass(train, samples);
  const isKeptOut = keptOut(validation.samples, recipe.holdout);
  const labelled = samples.length;
  const multipliers = new Array<number>(samples.length).fill(1);
  for (const { split, label, share } of recipe.extra) {
    const index = train.classes.indexOf(label);
    if (index < 0) {
      const known = train.classes.join(", ");
      throw new BeitError("recipe/unknown-class", `extra: the class ${label} is not one of the data set's: ${known}`);
    }
    const all = (await openDataset(root, { seed: recipe.seed, split })).samples;
    const more = all.filter((sample) => !isKeptOut(sample)).map((sample) => ({ ...sample, label: index }));
    if (more.length === 0) {
      throw new BeitError("dataset/no-images", `${root}: all ${all.length} pictures of ${split} are held out`);
    }
    const factor = share === undefined ? 1 : (share * labelled) / more.length;
    for (const sample of more) {
      samples.push(sample);
      multipliers.push(factor);
    }
  }
  const epochLength = Math.round(multipliers.reduce((a, b) => a + b, 0));
  for (const key of recipe.balance?.by ?? []) if (key !== "label") requireAttribute(samples, key);
  const base = recipe.balance ? balanceWeights(samples, recipe.balance.by, recipe.balance.temper) : undefined;
  const plain = !recipe.balance && recipe.extra.every(({ share }) => share === undefined);
  const weights = plain
    ? undefined
    : Float64Array.from(multipliers, (factor, i) => factor * (base ? base[i]! * samples.length : 1));
  const painting = recipe.occlusion && (await readText(recipe.occlusion));
  return {
    classes: train.classes,
    samples,
    validation: validation.samples,
    weights,
    epochLength,
    occlusion: painting ? parseOcclusion(painting, { classes: train.classes, samples }, recipe.occlusion!) : undefined,
    fingerprint: digest(JSON.stringify([samples.map(told), validation.samples.map(told)]), painting ?? ""),
  };
}

/** What a run depends on of a sample, besides the picture. */
const told = ({ id, label, attributes }: Sample) => [id, label, attributes];

/** Whether a picture must not be trained on: it has a value held out, or belongs to the group of one validated on. */
function keptOut(validation: readonly Sample[], holdout: Recipe["holdout"]): (sample: Sample) => boolean {
  const groups = new Set(validation.flatMap(({ group }) => (group === undefined ? [] : [group])));
  return ({ attributes, group }) =>
    (group !== undefined && groups.has(group)) || (holdout?.values.includes(attributes[holdout.key] ?? "") ?? false);
}

/**
 * Opens pictures to learn from without labels: all that a folder holds in any layout, its test split excepted. The
 * validation split, or a drawn part where there is none, is kept back to measure on.
 * @throws BeitError as `openUnsupervised`
 */
export async function openPictures(
  root: string,
  { seed, validationFraction }: Pick<Settings, "seed" | "validationFraction">,
): Promise<TrainingData> {
  const { train, validation } = await openUnsupervised(root, { seed, validationFraction });
  if (validation.length === 0) {
    const message = `${root}: none of ${train.length} pictures is kept back to measure on: raise validationFraction`;
    throw new BeitError("dataset/no-images", message);
  }
  return {
    classes: [],
    samples: train,
    validation,
    epochLength: train.length,
    occlusion: undefined,
    fingerprint: digest(JSON.stringify([train.map(({ id }) => id), validation.map(({ id }) => id)])),
  };
}

/** Full batches of one epoch, from batch `from` on. */
export function epochPlan(
  { samples, epochLength, weights }: Pick<TrainingData, "samples" | "epochLength" | "weights">,
  { seed, batchSize }: Pick<Settings, "seed" | "batchSize">,
  epoch: number,
  from: number,
): BatchPlan[] {
  const order = epochOrder({
    length: samples.length,
    epoch,
    seed,
    count: epochLength,
    ...(weights ? { weights } : {}),
  });
  return planBatches(order, { batchSize, epoch, dropLast: true, from });
}

/** Optimizer steps of an epoch. @throws BeitError `recipe/batch-too-large` when there is not one full batch */
export function stepsPerEpoch(data: Pick<TrainingData, "epochLength">, recipe: Pick<Settings, "batchSize">): number {
  const steps = Math.floor(data.epochLength / recipe.batchSize);
  if (steps === 0) {
    const message = `batchSize ${recipe.batchSize}: there are only ${data.epochLength} training pictures`;
    throw new BeitError("recipe/batch-too-large", message);
  }
  return steps;
}
