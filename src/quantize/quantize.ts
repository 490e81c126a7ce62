import { drawCalibration } from "../dataset/calibration.ts";
import { type Drawing, openDataset } from "../dataset/folder.ts";
import { type ClassificationMetrics, classificationMetrics } from "../evaluate/classification.ts";
import { type InferenceGraph, inferenceGraph } from "../evaluate/inference.ts";
import type { LabelledLogits } from "../evaluate/logits.ts";
import type { Model } from "../evaluate/model.ts";
import { LEAST_AGREEMENT } from "../evaluate/quantized.ts";
import { scoreSamples } from "../evaluate/samples.ts";
import { type ActivationRange, quantizeProducts } from "../graph/quantize.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import { createEngine } from "../platform/engine.ts";
import { coreCount } from "../platform/machine.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ActivationMethod, calibrate } from "./calibrate.ts";
import { partsOf } from "./parts.ts";
import { readPictures } from "./pictures.ts";
import { agreementOf, type Choice, type Part, searchPrecision } from "./search.ts";

/** How a classifier is quantised. */
export interface QuantizeOptions {
  /** Pictures of the data set that are used. Default: validation, drawn from it where it has none. */
  readonly split?: string;
  /** How train and validation are drawn apart where the data set has no validation split. */
  readonly drawn?: Drawing;
  /** Most pictures that ranges and parts are chosen by. Default 512. */
  readonly pictures?: number;
  /** Default `"percentile"`. */
  readonly activations?: ActivationMethod;
  /** Share of the calibration pictures that the search aims to answer as float32 does. Default 0.999. */
  readonly agreement?: number;
  /** Of the choice of pictures. Default 42. */
  readonly seed?: number;
  readonly onStep?: (text: string) => void;
}

/** Both forms of a model on pictures that had no part in making one from the other. */
export interface Comparison {
  readonly pictures: number;
  /** Share with the same answer. */
  readonly agreement: number;
  /** Largest difference of a logit. */
  readonly worstLogitError: number;
  readonly fp32: ClassificationMetrics;
  readonly int8: ClassificationMetrics;
}

/** A quantised classifier and all that was measured of it. */
export interface Quantization extends Choice {
  /** ONNX bytes: `pixel_values` [batch, C, H, W] → `logits` [batch, K]. */
  readonly model: Uint8Array;
  readonly split: string;
  readonly activations: ActivationMethod;
  readonly calibrationPictures: number;
  readonly heldOut: Comparison;
}

/**
 * Makes the int8 form of a classifier: signed weights with a scale a column, unsigned activations, and in float32 what
 * the answers depend on too much.
 * @throws BeitError as `openDataset`; `dataset/too-few`; of the first picture that cannot be read
 */
export async function quantizeClassifier(
  model: Model,
  dataset: string,
  options: QuantizeOptions = {},
): Promise<Quantization> {
  const { activations = "percentile", pictures = 512, agreement: aim = 0.999, seed = 42, onStep } = options;
  const classes = model.config.labels;
  const { samples, split } = await openDataset(dataset, {
    ...options.drawn,
    split: options.split ?? "validation",
    classes,
  });
  const { calibration, rest } = drawCalibration(samples, pictures, seed);
  onStep?.(`calibrating on ${calibration.length} pictures of ${split}`);
  const batches = await readPictures(model, calibration);
  const graph = await inferenceGraph(model);
  const ranges = await calibrate(graph, batches, activations);
  const few = batches.slice(0, Math.ceil(batches.length / 8));
  const choice = await searchPrecision(
    partsOf(graph),
    (parts, which) => logitsOf(encodeQuantized(graph, ranges, parts), which === "few" ? few : batches),
    { aim, least: Math.min(aim, LEAST_AGREEMENT), classes: classes.length, ...(onStep ? { onStep } : {}) },
  );
  const chosen = choice.parts.filter(({ precision }) => precision === "int8");
  const bytes = encodeQuantized(graph, ranges, chosen);
  onStep?.(`measuring on the other ${rest.length} pictures`);
  const [fp32, int8] = [
    await scoreSamples(model, rest, classes),
    await scoreSamples({ ...model, quantized: bytes }, rest, classes),
  ];
  const heldOut = compare(fp32.scored, int8.scored);
  return { ...choice, model: bytes, split, activations, calibrationPictures: calibration.length, heldOut };
}

/** The graph with these parts quantised, as ONNX. */
function encodeQuantized(
  { outputs, weights }: InferenceGraph,
  ranges: ReadonlyMap<string, ActivationRange>,
  parts: readonly Part[],
): Uint8Array {
  const chosen = new Map(parts.flatMap((part) => part.weights.map((weight) => [weight, ranges.get(weight)!] as const)));
  return encodeModel(toModel(quantizeProducts(outputs, weights, chosen), { name: "beit", weights }));
}

/** Logits of all pictures, one batch after the other. */
async function logitsOf(model: Uint8Array, batches: readonly Tensor<"float32">[]): Promise<Float32Array> {
  const engine = await createEngine(model, { threads: coreCount(), memoryPattern: true });
  try {
    const logits: number[] = [];
    for (const batch of batches) {
      const results = await engine.run({ pixel_values: batch });
      logits.push(...(results.logits!.data as Float32Array));
    }
    return Float32Array.from(logits);
  } finally {
    await engine.release();
  }
}

function compare(fp32: LabelledLogits, int8: LabelledLogits): Comparison {
  return {
    pictures: fp32.labels.length,
    agreement: agreementOf(int8.logits, fp32.logits, fp32.classes.length),
    worstLogitError: int8.logits.reduce((worst, value, i) => Math.max(worst, Math.abs(value - fp32.logits[i]!)), 0),
    fp32: classificationMetrics(fp32),
    int8: classificationMetrics(int8),
  };
}
