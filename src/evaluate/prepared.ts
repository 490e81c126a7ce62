import { createEngine, type Device } from "#platform/engine";
import { coreCount } from "#platform/machine";
import { parseConfig, serializeConfig } from "../beit/config.ts";
import { heatOf, traceAttended } from "../beit/explain.ts";
import { cast, mul } from "../graph/elementwise.ts";
import { fold } from "../graph/fold.ts";
import { transpose } from "../graph/layout.ts";
import { lower } from "../graph/lower.ts";
import { type Outputs, rewrite } from "../graph/rewrite.ts";
import { splitByBatch } from "../graph/split.ts";
import { constant, input, inputName, isInput, type Value } from "../graph/value.ts";
import { overlayHeat, seenRegion } from "../image/heat.ts";
import { parseImageProcessor, serializeImageProcessor } from "../image/processor.ts";
import { batchInput } from "../nn/scope.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { type SharedFile, sharedFile, shareWeights } from "../onnx/share.ts";
import { BeitError } from "../platform/errors.ts";
import { evaluate } from "../session/session.ts";
import type { Pixels } from "../tensor/pixels.ts";
import { quantizeColumns } from "../tensor/quantize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { pixelsOf } from "./batch.ts";
import { createExplanations, type Explainer, type Explanation } from "./explain.ts";
import { inferenceGraph, inferenceModel } from "./inference.ts";
import type { Model } from "./model.ts";
import { type ImageInput, toPicture } from "./pipeline.ts";
import { createPredictor } from "./predictor.ts";
import { type ClassScore, topScores } from "./scores.ts";

// A model prepared for a page: ready graphs, so that nothing is traced there, and every weight in one file only.

/** The files of a prepared model, by name. `model.onnx` classifies; `explain.onnx` reads most weights out of it. */
const NEEDED_FILES = [
  "about.json",
  "config.json",
  "preprocessor_config.json",
  "README.md",
  "model.onnx",
  "explain.onnx",
] as const;
/** Classifies in floating point by the weights of `model.onnx`: for graphics cards, which have no operators on bytes. */
export const FLOAT_FILE = "float.onnx";
export const PREPARED_FILES = [...NEEDED_FILES, FLOAT_FILE] as const;

/** What a page says of its model. */
export interface About {
  readonly name: string;
  readonly precision: "fp32" | "int8";
  readonly parameters: number;
}

/**
 * Prepares a classifier for pages.
 * @param quantized its int8 form, where that is what classifies
 * @param name what pages call it
 */
export async function prepareModel(
  model: Model,
  quantized: Uint8Array | undefined,
  name: string,
): Promise<Record<(typeof PREPARED_FILES)[number], string | Uint8Array>> {
  const { config, processor, parameters, source } = model;
  const bytes = quantized ?? encodeModel(await inferenceModel(model));
  const file = sharedFile(bytes, "model.onnx");
  const about: About = { name, precision: quantized ? "int8" : "fp32", parameters: countOf(parameters) };
  return {
    "about.json": json(about),
    "config.json": json(serializeConfig(config, "classification")),
    "preprocessor_config.json": json(serializeImageProcessor(processor)),
    "README.md": source.card ?? "",
    "model.onnx": bytes,
    "explain.onnx": await explanationModel(model, file),
    "float.onnx": await floatModel(model, file),
  };
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
const countOf = (parameters: ReadonlyMap<string, Tensor>) =>
  [...parameters.values()].reduce((sum, { data }) => sum + data.length, 0);

/**
 * `logits` and `heat` of a picture and a `class`, folded before it is differentiated, so that weights are the file's; but
 * for the value bias, which the gradient of the attentions must see.
 */
async function explanationModel({ config, parameters }: Model, file: SharedFile): Promise<Uint8Array> {
  const { trace, outputs } = traceAttended(config);
  const { prepared, outputs: folded } = splitByBatch(fold(outputs, ["attention"]));
  const heat = heatOf(config, folded, "gradient", () => batchInput(trace, "class", [1, config.labels.length]));
  const forward = lower({ logits: folded.logits!, heat });
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const computed = Object.fromEntries(Object.entries(prepared).filter(([, value]) => !isInput(value)));
  const found = await evaluate(lower(computed), Object.fromEntries(used));
  return withWeightsOf(file, forward, new Map<string, Tensor>([...used, ...Object.entries(found)]), "explain");
}

async function floatModel(model: Model, file: SharedFile): Promise<Uint8Array> {
  const { outputs, weights } = await inferenceGraph(model, { portable: true });
  return withWeightsOf(file, outputs, weights, "float");
}

/** A graph as a model whose weights are the file's, where that has them. */
function withWeightsOf(
  file: SharedFile,
  outputs: Outputs,
  weights: ReadonlyMap<string, Tensor>,
  name: string,
): Uint8Array {
  const all = new Map(weights);
  const withBytes = readBytes(outputs, all, file);
  return encodeModel(shareWeights(toModel(withBytes, { name, weights: all }), file));
}

/** Weights whose bytes the file has are read from these: bytes · scale of the column. */
function readBytes(outputs: Outputs, weights: Map<string, Tensor>, file: SharedFile): Record<string, Value> {
  return rewrite(outputs, (node) => {
    const [value] = node.outputs;
    const weight = isInput(value!) ? weights.get(inputName(value!)) : undefined;
    if (weight?.shape.length !== 2 || weight.dtype !== "float32") return undefined;
    for (const transposed of [false, true]) {
      const { bytes, scales } = quantizeColumns(weight as Tensor<"float32">, transposed);
      const known = file.initializers.find(
        ({ dtype, dims, raw }) => dtype === "int8" && dims.join() === bytes.shape.join() && isNear(raw, bytes.data),
      );
      if (!known) continue;
      const name = `${inputName(value!)}.bytes`;
      const { buffer, byteOffset, byteLength } = known.raw;
      weights.set(name, { ...bytes, data: new Int8Array(buffer, byteOffset, byteLength) });
      const matrix = mul(cast(input(name, bytes.shape, "parameter", "int8"), "float32"), constant(scales));
      return transposed ? transpose(matrix, [1, 0]) : matrix;
    }
    return undefined;
  });
}

/** Whether bytes differ by rounding only: the other graph's constants scale whole columns. */
function isNear(raw: Uint8Array, bytes: Int8Array): boolean {
  const stored = new Int8Array(raw.buffer, raw.byteOffset, raw.byteLength);
  return stored.every((byte, i) => Math.abs(byte - bytes[i]!) <= 1);
}

/** A prepared model at work. */
export interface PreparedModel {
  readonly about: About;
  readonly labels: readonly string[];
  /** Markdown. */
  readonly card: string;
  /** Scores of all classes, best first. @throws BeitError for a picture that cannot be read */
  classify(image: ImageInput): Promise<ClassScore[]>;
  /** What the model looked at, also laid over the picture. @throws BeitError likewise, and as `Explainer.explain` */
  explain(image: ImageInput, label?: string): Promise<Explanation & { readonly overlay: Pixels }>;
  close(): Promise<void>;
}

/** How a prepared model is opened. */
export interface OpenPreparedOptions {
  /** On `"auto"` it classifies in floating point, by WebGPU where there is one and it works. Default: the CPU. */
  readonly device?: Device;
  /** Told why WebGPU is not used. */
  readonly onRemark?: (text: string) => void;
}

/**
 * Opens a prepared model; the graph of explanations is compiled when it is first asked for.
 * @param read gives the content of one of {@link PREPARED_FILES}
 * @throws BeitError as `createPredictor`, and what `read` throws
 */
export async function openPrepared(
  read: (file: (typeof PREPARED_FILES)[number]) => Promise<Uint8Array>,
  options: OpenPreparedOptions = {},
): Promise<PreparedModel> {
  const contents = await Promise.all(NEEDED_FILES.map(read));
  const [about, configText, processorText, card] = contents.slice(0, 4).map((bytes) => new TextDecoder().decode(bytes));
  const [model, explain] = contents.slice(4) as [Uint8Array, Uint8Array];
  const config = parseConfig(parsed(configText!, "config.json"), "config.json");
  const processor = parseImageProcessor(parsed(processorText!, "preprocessor_config.json"), "preprocessor_config.json");
  const externalData = { "model.onnx": model };
  const float = options.device === "auto";
  const predictor = await createPredictor(
    { config, processor, quantized: float ? await read(FLOAT_FILE) : model },
    { workers: 0, engine: float ? { ...options, externalData, optimize: true } : undefined },
  );
  const open = async () => {
    const engine = await createEngine(explain, { threads: coreCount(), externalData });
    return createExplanations(engine, { config, processor }, "gradient");
  };
  let explainer: Promise<Explainer> | undefined;
  return {
    about: parsed(about!, "about.json") as About,
    labels: config.labels,
    card: card!,
    async classify(image) {
      for await (const outcome of predictor.scores([await toPicture(image, 0)])) {
        if ("error" in outcome) throw outcome.error;
        return topScores(outcome.logits, config, config.labels.length);
      }
      throw new RangeError("classify: no outcome");
    },
    async explain(image, label) {
      const pixels = await pixelsOf(await toPicture(image, 0));
      explainer ??= open().catch((error: unknown) => {
        explainer = undefined; // the next one tries again
        throw error;
      });
      const explanation = await (await explainer).explain(pixels, label);
      return { ...explanation, overlay: overlayHeat(pixels, explanation, seenRegion(pixels, processor)) };
    },
    async close() {
      await predictor.close();
      await (await explainer?.catch(() => undefined))?.close();
    },
  };
}

/** @throws BeitError `file/not-json` */
function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BeitError("file/not-json", `${file}: is not valid JSON: ${(error as Error).message}`, { cause: error });
  }
}
