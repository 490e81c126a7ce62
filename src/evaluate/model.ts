import { pathKind } from "#platform/folders";
import { type BeitConfig, parseConfig, presets, type Task, taskOf } from "../beit/config.ts";
import { traceOutputs } from "../beit/outputs.ts";
import { checkParameters } from "../checkpoint/assign.ts";
import { type ModelFolder, readFolder } from "../checkpoint/folder.ts";
import { defaultProcessor, type ImageProcessor, parseImageProcessor } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import { type DType, float32, type Tensor } from "../tensor/tensor.ts";

/** A checkpoint ready to be used. */
export interface Model {
  readonly name: string;
  readonly config: BeitConfig;
  readonly task: Task;
  readonly processor: ImageProcessor;
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
  readonly source: ModelSource;
}

/** Where a model came from. */
export interface ModelSource extends Pick<ModelFolder, "format" | "files" | "card"> {
  /** What the parameters are stored as. */
  readonly dtypes: readonly DType[];
  /** Tensors of the checkpoint that this model has no use for. */
  readonly unused: readonly string[];
}

/** Names and shapes of a model's parameters, in the order of the forward pass. */
export function parameterShapes(config: BeitConfig, task: Task): Map<string, { shape: readonly number[] }> {
  const { trace } = traceOutputs(config, task, { batch: 1 });
  return new Map([...trace.parameters].map(([name, { shape }]) => [name, { shape }]));
}

/** The head that a checkpoint's tensors show, where its configuration does not say. */
function taskFromTensors(tensors: ReadonlyMap<string, Tensor>): Task {
  if (tensors.has("classifier.weight")) return "classification";
  return tensors.has("lm_head.weight") ? "masked-image-modelling" : "features";
}

/** Where `config.json` names no labels, the head's rows do. */
function withLabelsOf(config: BeitConfig, json: unknown, tensors: ReadonlyMap<string, Tensor>): BeitConfig {
  const rows = tensors.get("classifier.weight")?.shape[0];
  const named = (json as { id2label?: unknown })?.id2label;
  if (rows === undefined || named || rows === config.labels.length) return config;
  return { ...config, labels: Array.from({ length: rows }, (_, i) => `LABEL_${i}`) };
}

/** A configuration guessed from the tensors of a single weights file (unilm and timm publish no config.json). */
function configFromTensors(tensors: ReadonlyMap<string, Tensor>, layerNormEps: number, name: string): BeitConfig {
  const kernel = tensors.get("beit.embeddings.patch_embeddings.projection.weight")?.shape;
  const shared = tensors.get("beit.encoder.relative_position_bias.relative_position_bias_table")?.shape;
  const own = tensors.get(
    "beit.encoder.layer.0.attention.attention.relative_position_bias.relative_position_bias_table",
  )?.shape;
  const positions = tensors.get("beit.embeddings.position_embeddings")?.shape;
  const table = shared ?? own;
  if (!kernel || !(table || positions)) {
    const message = `${name}: has no config.json, and its tensors do not tell patch size and window of a BEiT`;
    throw new BeitError("checkpoint/no-config", message);
  }
  const side = positions ? Math.sqrt(positions[1]! - 1) : (Math.sqrt(table![0]! - 3) + 1) / 2;
  const [hiddenSize, numChannels, patchSize] = kernel as [number, number, number];
  const layers = [...tensors.keys()].map((key) => Number(/encoder\.layer\.(\d+)\./.exec(key)?.[1] ?? -1));
  const lambda = tensors.has("beit.encoder.layer.0.lambda_1");
  return {
    ...presets.base,
    imageSize: [side * patchSize, side * patchSize],
    patchSize,
    numChannels,
    hiddenSize,
    numLayers: Math.max(...layers) + 1,
    numHeads: table?.[1] ?? hiddenSize / 64,
    intermediateSize: tensors.get("beit.encoder.layer.0.intermediate.dense.weight")?.shape[0] ?? 4 * hiddenSize,
    layerNormEps,
    useMaskToken: tensors.has("beit.embeddings.mask_token"),
    useAbsolutePositions: positions !== undefined,
    useRelativePositionBias: own !== undefined,
    useSharedRelativePositionBias: shared !== undefined,
    layerScaleInit: lambda ? 0.1 : 0,
    useMeanPooling: !tensors.has("beit.layernorm.weight"),
    vocabSize: tensors.get("lm_head.weight")?.shape[0] ?? presets.base.vocabSize,
  };
}

/** @throws BeitError `model/not-beit` when a `config.json` says that it is of another family */
function checkFamily(config: unknown, path: string): void {
  const type = (config as { model_type?: unknown } | null)?.model_type;
  if (type === undefined || type === "beit") return;
  const message = `${path}/config.json: model_type is ${JSON.stringify(type)}, expected "beit"`;
  throw new BeitError("model/not-beit", message);
}

/**
 * Loads a model folder (Hugging Face) or a single weights file (unilm, timm); half precision becomes float32.
 * @throws BeitError `model/missing`, `model/not-beit`, and others when a file is missing or damaged, a value is
 * unsupported, or tensors do not fit the configuration
 */
export async function loadModel(path: string): Promise<Model> {
  if ((await pathKind(path)) === undefined) {
    throw new BeitError("model/missing", `${path}: no such model; expected a model folder or a file of weights`);
  }
  const folder = await readFolder(path);
  checkFamily(folder.config, path);
  const parsed = folder.config
    ? parseConfig(folder.config, `${path}/config.json`)
    : configFromTensors(folder.tensors, folder.layerNormEps ?? 1e-6, path);
  const task = taskOf(folder.config) ?? taskFromTensors(folder.tensors);
  const config = withLabelsOf(parsed, folder.config, folder.tensors);
  const expected = [...parameterShapes(config, task)].map(([name, { shape }]) => ({ name, shape }));
  const { parameters, extra } = checkParameters(expected, folder.tensors, path, { allowExtra: unused(config, task) });
  const processor = folder.processor
    ? parseImageProcessor(folder.processor, `${path}/preprocessor_config.json`)
    : defaultProcessor(config.imageSize);
  const shapes = new Map(expected.map(({ name, shape }) => [name, shape]));
  return {
    name: path,
    config,
    task,
    processor,
    parameters: new Map([...parameters].map(([name, data]) => [name, float32(data, shapes.get(name)!)])),
    source: {
      format: folder.format,
      files: folder.files,
      dtypes: [...new Set([...parameters.keys()].map((name) => folder.tensors.get(name)!.dtype))],
      unused: extra,
      ...(folder.card === undefined ? {} : { card: folder.card }),
    },
  };
}

/** Tensors that a checkpoint of another task or with an unused pooler may bring along. */
function unused(config: BeitConfig, task: Task): RegExp {
  const heads =
    task === "classification"
      ? "lm_head|layernorm"
      : task === "features"
        ? "lm_head|layernorm|classifier"
        : "classifier|beit\\.pooler";
  const pooling = config.useMeanPooling ? "beit\\.layernorm" : "beit\\.pooler";
  const mask = config.useMaskToken ? "" : "|beit\\.embeddings\\.mask_token$";
  return new RegExp(`^(${heads}|${pooling})\\.|relative_position_index$${mask}`);
}

/** Number of scalar parameters. */
export function parameterCount(shapes: ReadonlyMap<string, { readonly shape: readonly number[] }>): number {
  return [...shapes.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
