import { withImageSize } from "../evaluate/convert.ts";
import { loadModel } from "../evaluate/model.ts";
import { requireFree, type WriteOptions, writeModel } from "./write-model.ts";

/** What `beit convert` was asked for. */
export interface ConvertOptions extends WriteOptions {
  readonly imageSize?: number;
}

/** Writes a model that can be read, in whatever form, as a Hugging Face folder. */
export async function runConvert(path: string, options: ConvertOptions): Promise<number> {
  await requireFree(options);
  const { imageSize } = options;
  const loaded = await loadModel(path);
  await writeModel(imageSize === undefined ? loaded : withImageSize(loaded, [imageSize, imageSize]), options);
  return 0;
}
