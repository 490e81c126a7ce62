import { BeitError } from "../platform/errors.ts";
import { namesIn } from "../platform/runs.ts";
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
 * @throws BeitError as `train` does; `run/other-recipe` where the run to go on with has another number of stages
 */
export async function* trainStages(
  dataset: string,
  recipe: Recipe,
  options: RunOptions,
): AsyncGenerator<StagesEvent, StageResults> {
  const stages = stagesOf(recipe, "recipe");
  const count = stages.length;
  if (options.resume) await requireStages(options.output, count);
  const results: TrainResult[] = [];
  for (const [i, stage] of stages.entries()) {
    const output = folderOf(options.output, i + 1, count);
    const start = i === 0 ? undefined : `${folderOf(options.output, i, count)}/${BEST}`;
    if (count > 1) yield { kind: "stage", number: i + 1, count, recipe: stage };
    results.push(yield* train(dataset, stage, { ...options, output, start, next: stages[i + 1] }));
    if (results.at(-1)!.interrupted) break;
  }
  return results;
}

/** A run of several stages has a folder for its first from the beginning; what one of one stage has is its own. */
async function requireStages(output: string, count: number): Promise<void> {
  const names = await namesIn(output);
  const several = names.includes("stage-1");
  const one = !several && names.some((name) => /^checkpoint-\d+$/.test(name));
  if (count === 1 ? !several : !one) return;
  const message = `${output}: was begun with ${one ? "one stage" : "several stages"}, the recipe has ${count}`;
  const hint = "give what the run began with, or choose another folder with -o";
  throw new BeitError("run/other-recipe", `${message}: ${hint}`);
}
