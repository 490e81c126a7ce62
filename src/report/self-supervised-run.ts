import { serializeConfig } from "../beit/config.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import { serializeDvaeConfig } from "../dvae/config.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import type { TokenizerModel } from "../evaluate/tokenizer.ts";
import { serializeImageProcessor } from "../image/processor.ts";
import type { RunState } from "../train/checkpoint.ts";
import type { RunResult } from "../train/loop.ts";
import type { PretrainRecipe } from "../train/pretrain-recipe.ts";
import type { TokenizerRecipe } from "../train/tokenizer-recipe.ts";
import { htmlReport } from "./html.ts";
import { countText, durationText } from "./numbers.ts";
import { settingRows } from "./run-card.ts";
import { trainerStateJson } from "./state.ts";

interface EndedRun<Model, R> {
  readonly output: string;
  /** Folder of the pictures. */
  readonly images: string;
  readonly recipe: R;
  readonly result: RunResult<Model>;
}

/** Writes the folder of a tokenizer that is done: weights, recipe, history and report. */
export const finishTokenizer = ({ output, ...run }: EndedRun<TokenizerModel, TokenizerRecipe>): Promise<void> =>
  writeFolder(output, {
    config: serializeDvaeConfig(run.result.model.config),
    tensors: run.result.model.parameters,
    extra: runFiles("Image tokenizer", { output, ...run }),
  });

/** Writes the folder of a pre-trained encoder: weights with the head, processor, recipe, history and report. */
export const finishPretraining = ({ output, ...run }: EndedRun<TrainedModel, PretrainRecipe>): Promise<void> =>
  writeFolder(output, {
    config: serializeConfig(run.result.model.config, "masked-image-modelling"),
    processor: serializeImageProcessor(run.result.model.processor),
    tensors: run.result.model.parameters,
    extra: runFiles("Masked image modelling", { output, ...run }),
  });

type AnyRun = EndedRun<unknown, PretrainRecipe | TokenizerRecipe>;

function runFiles(title: string, { output, images, recipe, result }: AnyRun): Record<string, string> {
  const { state, totalSteps } = result;
  return {
    "recipe.json": `${JSON.stringify(recipe, undefined, 2)}\n`,
    "trainer_state.json": trainerStateJson({
      epoch: state.history.at(-1)?.epoch ?? 0,
      globalStep: state.step,
      maxSteps: totalSteps,
      numTrainEpochs: recipe.epochs,
      totalFlos: 0,
      logHistory: state.history,
      bestMetric: state.best?.value ?? null,
      bestModelCheckpoint: state.best ? `${output}/best` : null,
    }),
    "report.html": htmlReport({
      title,
      subtitle: `${output}, trained on ${images}`,
      history: state.history,
      facts: [...stateRows(state, recipe.batchSize, result.data.epochLength), ...settingRows(recipe)],
    }),
  };
}

function stateRows(state: RunState, batchSize: number, pictures: number): [string, string][] {
  const training = state.seconds - state.pausedSeconds;
  return [
    ["pictures", countText(pictures)],
    ["steps", countText(state.step)],
    ["time", durationText(state.seconds)],
    ["pictures a second", ((state.step * batchSize) / training).toFixed(1)],
    ...(state.best ? [["weights kept after step", countText(state.best.step)] as [string, string]] : []),
  ];
}
