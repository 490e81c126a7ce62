import type { FloatDType } from "../checkpoint/dtype.ts";
import { holdsModel, writeFolder } from "../checkpoint/folder.ts";
import { modelFolderContent, storedDType, withImageSize } from "../evaluate/convert.ts";
import { loadModel, type Model } from "../evaluate/model.ts";
import { say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";

/** What `beit convert` was asked for. */
export interface ConvertOptions {
  readonly output: string;
  readonly dtype?: FloatDType;
  readonly imageSize?: number;
  readonly force?: boolean;
}

/** Writes a model that can be read, in whatever form, as a Hugging Face folder. */
export async function runConvert(path: string, options: ConvertOptions): Promise<number> {
  const { output, imageSize, force = false } = options;
  if (!force && (await holdsModel(output))) {
    throw new BeitError("convert/exists", `${output}: there is a model already; add --force to write over it`);
  }
  const loaded = await loadModel(path);
  const model = imageSize === undefined ? loaded : withImageSize(loaded, [imageSize, imageSize]);
  const dtype = options.dtype ?? storedDType(loaded);
  await writeFolder(output, modelFolderContent(model, dtype));
  for (const line of await remarks(model, output)) say(`beit: ${line}`);
  say(`beit: wrote ${output}: ${model.config.imageSize.join(" x ")} px, ${dtype}`);
  return 0;
}

/** What did not come along, and what is there of an earlier model. */
async function remarks({ source, name }: Model, output: string): Promise<string[]> {
  const stale = (await pathKind(`${output}/onnx`)) !== undefined;
  return [
    ...(source.unused.length > 0
      ? [`${name}: not written, as this model has no use for them: ${source.unused.join(", ")}`]
      : []),
    ...(stale ? [`${output}/onnx is of the model before: write it anew with beit export ${output}`] : []),
  ];
}
