import { type FeatureFile, featureFormatOf, namesPath, openFeatureFile } from "../evaluate/feature-file.ts";
import { createFeatureExtractor, type FeaturePooling, featureShape } from "../evaluate/features.ts";
import { loadModel, type Model } from "../evaluate/model.ts";
import type { PredictorOptions } from "../evaluate/predictor.ts";
import { interruptible, say } from "../platform/console.ts";
import { outcomesOf } from "./outcomes.ts";
import { filesOfModel, requireOwnFile } from "./output.ts";
import { filesOf, findPictures, type Source } from "./pictures.ts";

/** What `beit features` was asked for. */
export interface FeaturesOptions {
  readonly output: string;
  readonly pool: FeaturePooling;
  readonly layer?: number;
  readonly filesFrom?: string;
  readonly workers?: number;
}

/** Writes the features of pictures; resolves to the exit code: 1 when a picture could not be read. */
export async function runFeatures(path: string, images: readonly string[], options: FeaturesOptions): Promise<number> {
  const { output, pool, layer } = options;
  const format = featureFormatOf(output);
  const sources = await findPictures(images, options.filesFrom);
  const model = await loadModel(path);
  requireOwnFile(output, [...filesOf(sources), ...(await filesOfModel(path))]);
  const shape = featureShape(model.config, pool);
  const about = { model: path, pool, layer: layer === undefined ? "last" : String(layer) };
  const failed = await interruptible(async (signal) => {
    const file = await openFeatureFile(output, { shape, most: sources.length, about });
    try {
      return await writeAll(file, sources, model, options, signal);
    } catch (error) {
      await file.discard();
      throw error;
    }
  });
  if (failed === undefined) return 130;
  const kept = sources.length - failed;
  const names = format === "npy" || format === "safetensors" ? `, names in ${namesPath(output)}` : "";
  say(`beit: ${output}: ${kept} pictures, ${shape.join(" x ")} numbers each${names}`);
  if (failed > 0) say(`beit: ${failed} of ${sources.length} could not be read`);
  return failed > 0 ? 1 : 0;
}

/** Adds what can be read, names what cannot, and resolves to how many that were; undefined when interrupted. */
async function writeAll(
  file: FeatureFile,
  sources: readonly Source[],
  model: Model,
  { pool, layer, workers }: FeaturesOptions,
  signal: AbortSignal,
): Promise<number | undefined> {
  const start = (options: PredictorOptions) => createFeatureExtractor(model, { pool, layer }, options);
  let failed = 0;
  for await (const outcome of outcomesOf(sources, start, workers)) {
    if (signal.aborted) {
      await file.discard();
      say("beit: interrupted; nothing was written");
      return undefined;
    }
    if ("numbers" in outcome) await file.add(outcome.file, outcome.numbers);
    else {
      failed++;
      say(`beit: ${named(outcome)}`);
    }
  }
  await file.commit();
  return failed;
}

/** An error of an argument names it already. */
const named = ({ file, error }: { readonly file: string; readonly error: string }) =>
  error.startsWith(`${file}: `) ? error : `${file}: ${error}`;
