import { readJson } from "#platform/files";
import { pathKind } from "#platform/folders";
import { type BeitConfig, parseConfig, type Task, taskOf } from "../beit/config.ts";
import { isRecord } from "../checkpoint/json.ts";
import { defaultProcessor, type ImageProcessor, parseImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";

/** What is known of a model without its weights. */
export interface ModelDescription {
  readonly name: string;
  readonly config: BeitConfig;
  readonly task: Task;
  readonly processor: ImageProcessor;
}

/**
 * What the files beside a model's weights say of it; undefined where the weights themselves must tell: for a single file, and
 * where `config.json` names no head or no labels.
 * @throws BeitError `model/not-beit`, and others when a file is damaged or a value is unsupported
 */
export async function describeModel(folder: string): Promise<ModelDescription | undefined> {
  const [configFile, processorFile] = [`${folder}/config.json`, `${folder}/preprocessor_config.json`];
  if ((await pathKind(configFile)) !== "file") return undefined;
  const json = await readJson(configFile);
  checkFamily(json, folder);
  const task = taskOf(json);
  if (!task || !isRecord(json) || !json.id2label) return undefined;
  const config = parseConfig(json, configFile);
  const processor = (await pathKind(processorFile)) === "file" ? await readJson(processorFile) : undefined;
  return { name: folder, config, task, processor: processorOf(processor, config, processorFile) };
}

/** @throws BeitError `model/missing` when nothing lies at a path */
export async function requireModel(path: string): Promise<void> {
  if ((await pathKind(path)) !== undefined) return;
  throw new BeitError("model/missing", `${path}: no such model; expected a model folder or a file of weights`);
}

/** The processor of `preprocessor_config.json`, or the usual one where there is no such file. @throws BeitError `processor/…` */
export const processorOf = (json: unknown, config: BeitConfig, file: string): ImageProcessor =>
  json === undefined ? defaultProcessor(config.imageSize) : parseImageProcessor(json, file);

/** @throws BeitError `model/not-beit` when a `config.json` says that it is of another family */
export function checkFamily(config: unknown, path: string): void {
  const type = (config as { model_type?: unknown } | null)?.model_type;
  if (type === undefined || type === "beit") return;
  const message = `${path}/config.json: model_type is ${JSON.stringify(type)}, expected "beit"`;
  throw new BeitError("model/not-beit", message);
}
