import { WRITTEN_FIRST } from "../checkpoint/folder.ts";
import { weightFiles } from "../checkpoint/weight-files.ts";
import { BeitError } from "../platform/errors.ts";
import { absolutePath, pathKind } from "../platform/folders.ts";

/** @throws BeitError `usage/output` when a result would replace a file that it is made from */
export function requireOwnFile(output: string, read: readonly string[]): void {
  const path = absolutePath(output);
  if (!read.some((file) => absolutePath(file) === path)) return;
  throw new BeitError("usage/output", `${output}: is one of the files that are read; expected another one to write`);
}

/** The files of a model. @throws BeitError as `weightFiles` */
export async function filesOfModel(path: string): Promise<string[]> {
  if ((await pathKind(path)) !== "folder") return [path];
  const named = [...WRITTEN_FIRST, "onnx/model_quantized.onnx", "onnx/quantization.json"];
  return [...named.map((file) => `${path}/${file}`), ...(await weightFiles(path))];
}
