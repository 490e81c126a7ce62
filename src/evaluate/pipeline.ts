import { type Drawable, drawablePixels } from "#platform/drawable";
import type { Device } from "#platform/engine";
import { packagePath } from "#platform/package";
import { BeitError } from "../platform/errors.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import { toRgb } from "../tensor/pixels.ts";
import type { Picture } from "./batch.ts";
import { describeModel, type ModelDescription, requireModel } from "./description.ts";
import type { Model } from "./model.ts";
import { type Classifier, createPredictor, type Predictor } from "./predictor.ts";
import { type Precision, quantizedForm } from "./quantized.ts";
import { type ClassScore, topScores } from "./scores.ts";

/** Where the model that comes with this package lies: faces with and without a mask. */
export const shippedModel = (): string => packagePath("models/face-mask");

/**
 * A picture: the path of a file (in a browser its URL), the content of one (Buffer, Uint8Array, Blob, File), decoded 8-bit
 * pixels (ImageData among them), row-major with 1 (grey), 3 (RGB) or 4 (RGBA, alpha ignored) bytes each, or what a browser
 * can draw: an ImageBitmap, a canvas, an image or video element, a VideoFrame.
 */
export type ImageInput =
  | string
  | Uint8Array
  | Blob
  | Drawable
  | { readonly width: number; readonly height: number; readonly data: Uint8Array | Uint8ClampedArray };

/** What a call may ask for. */
export interface ClassifyOptions {
  /** Classes returned for each picture, best first. Default 5. */
  readonly top_k?: number;
}

/** A classifier ready for pictures. */
export interface ImageClassifier {
  (image: ImageInput, options?: ClassifyOptions): Promise<ClassScore[]>;
  (images: readonly ImageInput[], options?: ClassifyOptions): Promise<ClassScore[][]>;
  readonly model: LoadedClassifier;
  /** Frees the model and ends its threads. */
  close(): Promise<void>;
}

/** How a pipeline works. */
export interface PipelineOptions extends ClassifyOptions {
  /** Of a model folder. Default `"auto"`: int8 where it has that and it was measured to answer alike, else float32. */
  readonly precision?: Precision;
  /** Threads; 0 (default) works in the calling thread, which starts soonest; a server wants at least 1. */
  readonly workers?: number;
  /** In a browser, `"auto"` runs the model by WebGPU where there is one and it works. Default: the CPU. */
  readonly device?: Device;
}

/** How a classifier is loaded. */
export interface LoadOptions {
  /** Default `"fp32"`. */
  readonly precision?: Precision;
  /** Told why an int8 form that is there is not used. */
  readonly onRemark?: (text: string) => void;
}

/** A classifier and what is known of it; `parameters` only where it is not run in its int8 form. */
export type LoadedClassifier = ModelDescription & Classifier;

/**
 * The model of a path, if it is a classifier, or its int8 form where `precision` asks for that: then without reading the
 * weights it was made of.
 * @throws BeitError `model/not-a-classifier`, `model/no-int8`, and as `loadModel`
 */
export async function loadClassifier(path: string): Promise<Model>;
export async function loadClassifier(path: string, options: LoadOptions): Promise<LoadedClassifier>;
export async function loadClassifier(
  path: string,
  { precision = "fp32", onRemark }: LoadOptions = {},
): Promise<LoadedClassifier> {
  const folder = withoutEndSlash(path);
  await requireModel(path);
  const quantized = await quantizedForm(folder, precision, onRemark);
  if (!quantized) return requireClassifier(await readModel(path));
  return { ...requireClassifier((await describeModel(folder)) ?? (await readModel(path))), quantized };
}

/** @throws BeitError `model/not-a-classifier` */
function requireClassifier<M extends ModelDescription>(model: M): M {
  if (model.task === "classification") return model;
  const message = `${model.name}: is a model of ${model.task}, expected an image classifier`;
  throw new BeitError("model/not-a-classifier", message);
}

async function readModel(path: string): Promise<Model> {
  const { loadModel } = await import("./model.ts"); // with readers of all formats
  return loadModel(path);
}

/**
 * A function from pictures to labels and scores, as transformers' pipelines are: one picture gives a list of
 * `{ label, score }`, best first; an array gives an array of lists.
 * @param model a model folder, a file of weights, or a loaded model; default: the face-mask detector of this package
 * @throws BeitError `pipeline/unknown-task`; as `loadModel`; from the function for a picture that cannot be read
 */
export async function pipeline(
  task: "image-classification",
  model: string | Model = shippedModel(),
  options: PipelineOptions = {},
): Promise<ImageClassifier> {
  if (task !== "image-classification") {
    throw new BeitError("pipeline/unknown-task", `pipeline: task "${task}" is not known; known: image-classification`);
  }
  const { precision = "auto" } = options;
  const loaded = typeof model === "string" ? await loadClassifier(model, { precision }) : model;
  const { workers = 0, device = "cpu", top_k: usual = 5 } = options;
  const predictor = await createPredictor(loaded, { workers, engine: { device } });
  async function classify(images: ImageInput | readonly ImageInput[], { top_k = usual }: ClassifyOptions = {}) {
    if (!isList(images)) return (await classifyAll(predictor, loaded, [images], top_k))[0]!;
    return classifyAll(predictor, loaded, images, top_k);
  }
  return Object.assign(classify as ImageClassifier, { model: loaded, close: () => predictor.close() });
}

const isList = (images: ImageInput | readonly ImageInput[]): images is readonly ImageInput[] => Array.isArray(images);

async function classifyAll(
  predictor: Predictor,
  { config }: LoadedClassifier,
  images: readonly ImageInput[],
  count: number,
) {
  const pictures = await Promise.all(images.map(toPicture));
  const all: ClassScore[][] = [];
  for await (const outcome of predictor.scores(pictures)) {
    if ("error" in outcome) throw outcome.error;
    all.push(topScores(outcome.logits, config, count));
  }
  return all;
}

/** An input as a picture; `index` is for messages. @throws BeitError `pipeline/bad-input` */
export async function toPicture(image: ImageInput, index: number): Promise<Picture> {
  if (typeof image === "string") return image;
  if (image instanceof Uint8Array) return { bytes: image, name: `picture ${index + 1}` };
  if (image instanceof Blob) return { bytes: new Uint8Array(await image.arrayBuffer()), name: `picture ${index + 1}` };
  const refuse = (came: string) => {
    const expected = "expected a path, a file's content or pixels of 1, 3 or 4 bytes";
    return new BeitError("pipeline/bad-input", `picture ${index + 1}: ${expected}, got ${came}`);
  };
  if (typeof image !== "object" || image === null) throw refuse(String(image));
  const drawn = await drawablePixels(image);
  if (drawn) return drawn;
  const { width, height, data } = image as ImageData;
  if (!ArrayBuffer.isView(data)) throw refuse(`an object of type ${(image as object).constructor?.name ?? "null"}`);
  const channels = data.length / (width * height);
  const isSize = (value: number) => Number.isInteger(value) && value > 0;
  if (!isSize(width) || !isSize(height) || ![1, 3, 4].includes(channels)) {
    throw refuse(`${width} x ${height} pixels in ${data.length} bytes`);
  }
  return toRgb({ width, height, channels, data });
}
