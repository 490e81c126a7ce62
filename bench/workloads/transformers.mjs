// @huggingface/transformers on an ONNX file in a model folder; nothing is fetched.
import { AutoModelForImageClassification, env, Tensor } from "@huggingface/transformers";
import { configOf, pixelsOf } from "../graphs.mjs";

export async function load({ root, folder, preset, batch, threads }) {
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: root, useFSCache: false });
  const model = await AutoModelForImageClassification.from_pretrained(folder, {
    dtype: "fp32",
    device: "cpu",
    local_files_only: true,
    session_options: { intraOpNumThreads: threads, interOpNumThreads: 1 },
  });
  const { shape, data } = pixelsOf(configOf(preset), batch);
  const run = () => model({ pixel_values: new Tensor("float32", data, shape) });
  const { logits } = await run();
  return { run, facts: { logits: [...logits.data], version: env.version } };
}
