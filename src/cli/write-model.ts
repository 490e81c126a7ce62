import type { FloatDType } from "../checkpoint/dtype.ts";
import { holdsModel, WRITTEN_FIRST, writeFolder } from "../checkpoint/folder.ts";
import { modelFolderContent, storedDType } from "../evaluate/convert.ts";
import type { Model } from "../evaluate/model.ts";
import { say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { readText } from "../platform/files.ts";
import { pathKind } from "../platform/folders.ts";
import { removePath } from "../platform/runs.ts";
import { markdownText } from "../report/markdown.ts";
import { RECIPE, recipeFile } from "./drawn.ts";

/** Where a model is written. */
export interface WriteOptions {
  readonly output: string;
  /** Default: as stored. */
  readonly dtype?: FloatDType;
  readonly force?: boolean;
}

/** @throws BeitError `convert/exists` when a model, or a file of a name that is written, is there and is not to be written over */
export async function requireFree({ output, force = false }: WriteOptions): Promise<void> {
  if (force) return;
  const exists = (what: string) => new BeitError("convert/exists", `${output}: ${what}; add --force to write over it`);
  if (await holdsModel(output)) throw exists("there is a model already");
  for (const file of WRITTEN_FIRST) if (await pathKind(`${output}/${file}`)) throw exists(`there is a ${file} already`);
}

/**
 * Writes a model as a Hugging Face folder and says so, with what did not come along and what is there of an earlier model.
 * @param isDrawn whether the recipe of the run that made it still tells how train and validation were drawn apart
 */
export async function writeModel(model: Model, options: WriteOptions, isDrawn = true): Promise<void> {
  const { output, dtype = storedDType(model) } = options;
  const recipe = isDrawn ? await recipeFile(model.name) : undefined;
  const extra: Record<string, string> = recipe ? { [RECIPE]: await readText(recipe) } : {};
  await writeFolder(output, { ...modelFolderContent(model, dtype), extra });
  if (!recipe) await removePath(`${output}/${RECIPE}`); // of the model that was there
  for (const line of await remarks(model, output)) say(`beit: ${line}`);
  say(`beit: wrote ${output}: ${model.config.imageSize.join(" x ")} px, ${dtype}`);
}

/** The model with a section at the end of its card, where it has one: what was done to it since the figures above. */
export function withCardSection(model: Model, title: string, sentence: string): Model {
  const { card } = model.source;
  if (card === undefined) return model;
  const section = `## ${title}\n\n${markdownText(sentence)}\n`;
  return { ...model, source: { ...model.source, card: `${card.trimEnd()}\n\n${section}` } };
}

async function remarks({ source, name }: Model, output: string): Promise<string[]> {
  const stale = await Promise.all(
    [
      ["model.onnx", `beit export ${output}`],
      ["model_quantized.onnx", `beit quantize ${output} --calibrate DATASET`],
    ].map(async ([file, command]) =>
      (await pathKind(`${output}/onnx/${file}`))
        ? [`${output}/onnx/${file} is of the model before: write it anew with ${command}`]
        : [],
    ),
  );
  return [
    ...(source.unused.length > 0
      ? [`${name}: not written, as this model has no use for them: ${source.unused.join(", ")}`]
      : []),
    ...stale.flat(),
  ];
}
