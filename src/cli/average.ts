import { averageModels } from "../evaluate/average.ts";
import { loadModel, type Model } from "../evaluate/model.ts";
import { requireFree, type WriteOptions, withCardSection, writeModel } from "./write-model.ts";

/** Writes the mean of several models as a Hugging Face folder. */
export async function runAverage(paths: readonly [string, ...string[]], options: WriteOptions): Promise<number> {
  await requireFree(options);
  const [first, ...others] = paths;
  const models: [Model, ...Model[]] = [await loadModel(first)];
  for (const path of others) models.push(await loadModel(path));
  const sentence = `Mean of the weights of ${paths.join(", ")}. Figures above are the first one's.`;
  await writeModel(withCardSection(averageModels(models), "Average", sentence), options);
  return 0;
}
