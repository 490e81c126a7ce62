import { averageModels } from "../evaluate/average.ts";
import { loadModel, type Model } from "../evaluate/model.ts";
import { say } from "../platform/console.ts";
import { drawnBy } from "./drawn.ts";
import { requireFree, type WriteOptions, withCardSection, writeModel } from "./write-model.ts";

/** Writes the mean of several models as a Hugging Face folder. */
export async function runAverage(paths: readonly [string, ...string[]], options: WriteOptions): Promise<number> {
  await requireFree(options);
  const [first, ...others] = paths;
  const models: [Model, ...Model[]] = [await loadModel(first)];
  for (const path of others) models.push(await loadModel(path));
  const mean = averageModels(models);
  const isDrawn = new Set(await Promise.all(paths.map(async (path) => JSON.stringify(await drawnBy(path))))).size === 1;
  if (!isDrawn) {
    const why =
      "their runs drew different validation pictures, and none of them is known to be new to all of these models";
    say(`beit: recipe.json is left out: ${why}; measure the mean on a validation split of the data set's own`);
  }
  const sentence = `Mean of the weights of ${paths.join(", ")}. Figures above are the first one's.`;
  await writeModel(withCardSection(mean, "Average", sentence), options, isDrawn);
  return 0;
}
