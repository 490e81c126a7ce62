import { type BeitConfig, presets, serializeConfig, type Task } from "../beit/config.ts";
import { forwardMacs } from "../beit/flops.ts";
import { modelParts } from "../beit/parts.ts";
import { loadModel, parameterCount, parameterShapes } from "../evaluate/model.ts";
import { defaultProcessor, type ImageProcessor, serializeImageProcessor } from "../image/processor.ts";
import { openOutput, wantsColor } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";
import { formatModel, frontMatterFields, type ModelSummary } from "../report/model.ts";

/** Configurations that have a name: the sizes, and the layout of the reference card (base with the two labels). */
const named: Readonly<Record<string, BeitConfig>> = {
  ...presets,
  card: { ...presets.base, labels: ["with_mask", "without_mask"] },
};

/** Prints what a model is. */
export async function runInfo(model: string, options: { readonly json?: boolean }): Promise<number> {
  const summary = await summarize(model);
  const output = await openOutput();
  await output.write(
    `${options.json ? JSON.stringify(summary, null, 2) : formatModel(summary, { color: wantsColor() })}\n`,
  );
  return 0;
}

/** @throws BeitError `model/unknown` for neither a path nor a name; as `loadModel` */
async function summarize(model: string): Promise<ModelSummary> {
  const kind = await pathKind(model);
  if (kind === undefined && Object.hasOwn(named, model)) {
    const config = named[model]!;
    return summaryOf(model, { config, task: "classification", processor: defaultProcessor(config.imageSize) });
  }
  if (kind === undefined) {
    const message = `${model}: no such model folder or file, and not one of ${Object.keys(named).join(", ")}`;
    throw new BeitError("model/unknown", message);
  }
  const loaded = await loadModel(model);
  const { card, ...source } = loaded.source;
  return { ...summaryOf(model, loaded), source: { ...source, card: frontMatterFields(card ?? "") } };
}

function summaryOf(
  model: string,
  { config, task, processor }: { config: BeitConfig; task: Task; processor: ImageProcessor },
): ModelSummary {
  const shapes = parameterShapes(config, task);
  const labels = task === "classification" ? config.labels : [];
  const macs = forwardMacs({ ...config, labels }); // of other tasks the encoder's alone
  return {
    model,
    task,
    config: serializeConfig(config, task),
    labels,
    parameters: { total: parameterCount(shapes), parts: modelParts(shapes) },
    compute: { forward_macs: macs, forward_flops: 2 * macs, training_flops: 6 * macs },
    preprocessing: serializeImageProcessor(processor),
  };
}
