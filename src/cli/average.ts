import { averageModels } from "../evaluate/average.ts";
import { loadModel, type Model } from "../evaluate/model.ts";
import { markdownText } from "../report/markdown.ts";
import { requireFree, type WriteOptions, writeModel } from "./write-model.ts";

/** Writes the mean of several models as a Hugging Face folder. */
export async function runAverage(paths: readonly [string, ...string[]], options: WriteOptions): Promise<number> {
  await requireFree(options);
  const [first, ...others] = paths;
  const models: [Model, ...Model[]] = [await loadModel(first)];
  for (const path of others) models.push(await loadModel(path));
  await writeModel(withCard(averageModels(models), paths), options);
  return 0;
}

/** The card of the first model, whose figures it still holds, with what was done to it since. */
function withCard(model: Model, paths: readonly string[]): Model {
  const { card } = model.source;
  if (card === undefined) return model;
  const sentence = `Mean of the weights of ${paths.join(", ")}. Figures above are the first one's.`;
  return {
    ...model,
    source: { ...model.source, card: `${card.trimEnd()}\n\n## Average\n\n${markdownText(sentence)}\n` },
  };
}
