import { absolutePath } from "../platform/folders.ts";
import { BEST } from "./checkpoint.ts";
import { type TrainEvent, type TrainResult, train } from "./fine-tune.ts";
import { type Recipe, stagesOf } from "./recipe.ts";
import type { RunOptions } from "./run.ts";

/** What a run of several stages tells beside what each stage does. */
export type StagesEvent =
  | TrainEvent
  | { readonly kind: "stage"; readonly number: number; readonly count: number; readonly recipe: Recipe };

/** The results of the stages so far; the last is that of the run, interrupted or not. */
export type StageResults = readonly TrainResult[];

/** Folder of a stage: the last one works in the run's own. */
const folderOf = (output: string, stage: number, count: number): string =>
  stage === count ? output : `${output}/stage-${stage}`;

/**
 * Trains the stages of a recipe one after the other, e.g. at a low resolution first: each starts from the best weights of
 * the one before it. Resuming goes on in the stage at hand; stages that have ended are only read.
 * @throws BeitError as `train` does
 */
export async function* trainStages(
  dataset: string,
  recipe: Recipe,
  options: RunOptions,
): AsyncGenerator<StagesEvent, StageResults> {
  const stages = stagesOf(recipe, "recipe");
  const count = stages.length;
  const results: TrainResult[] = [];
  for (const [i, stage] of stages.entries()) {
    const output = folderOf(options.output, i + 1, count);
    const from = i === 0 ? {} : { model: absolutePath(`${folderOf(options.output, i, count)}/${BEST}`) };
    if (count > 1) yield { kind: "stage", number: i + 1, count, recipe: stage };
    results.push(yield* train(dataset, { ...stage, ...from }, { ...options, output }));
    if (results.at(-1)!.interrupted) break;
  }
  return results;
}
