import { inferenceModel } from "../evaluate/inference.ts";
import { loadClassifier } from "../evaluate/pipeline.ts";
import { encodeModelParts } from "../onnx/encode.ts";
import { say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { writeFileAtomic } from "../platform/files.ts";
import { pathKind } from "../platform/folders.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import { filesOfModel, requireOwnFile } from "./output.ts";

/** Writes a classifier as an ONNX file of standard operators. */
export async function runExport(path: string, options: { readonly output?: string }): Promise<number> {
  const model = await loadClassifier(path);
  const output = options.output ?? (await besideWeights(path));
  requireOwnFile(output, await filesOfModel(path));
  await writeFileAtomic(output, encodeModelParts(await inferenceModel(model, { portable: true })));
  say(`beit: wrote ${output}`);
  return 0;
}

async function besideWeights(path: string): Promise<string> {
  if ((await pathKind(path)) === "folder") return `${withoutEndSlash(path)}/onnx/model.onnx`;
  throw new BeitError("usage/output", `${path}: is a single file; say where the ONNX file goes with -o`);
}
