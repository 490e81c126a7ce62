import { parseSafetensors, serializeSafetensors } from "../checkpoint/safetensors.ts";
import { forward } from "../evaluate/forward.ts";
import { loadModel } from "../evaluate/model.ts";
import { say } from "../platform/console.ts";
import { readFile, writeFileAtomic } from "../platform/files.ts";
import { filesOfModel, requireOwnFile } from "./output.ts";

/** Runs a model on a file of tensors and writes a file of named tensors. */
export async function runForward(
  path: string,
  input: string,
  output: string,
  options: { readonly outputs?: readonly string[] },
): Promise<number> {
  const model = await loadModel(path);
  requireOwnFile(output, [input, ...(await filesOfModel(path))]);
  const { tensors } = parseSafetensors(await readFile(input), input);
  const { outputs, ignored } = await forward(model, tensors, options);
  if (ignored.length > 0) say(`beit: ${input}: not used by a model of ${model.task}: ${ignored.join(", ")}`);
  await writeFileAtomic(output, serializeSafetensors(Object.entries(outputs)));
  return 0;
}
