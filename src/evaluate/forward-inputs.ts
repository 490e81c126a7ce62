import { type BeitConfig, type Task, windowOf } from "../beit/config.ts";
import { BeitError } from "../platform/errors.ts";
import { asFloat32 } from "../tensor/half.ts";
import { float32, int64, sameShape, sizeOf, type Tensor, zeros } from "../tensor/tensor.ts";

/** Tensors by name. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** What a forward pass reads: inputs in the form the graph takes, and what they mean for tracing it. */
export interface ForwardInputs {
  /** `pixel_values`, and where given `labels`, `bool_masked_pos`, `masked_rows`. */
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly batch: number;
  readonly imageSize: readonly [number, number];
  readonly labels?: "indices" | "targets";
  readonly maskedCount?: number;
  /** Names of tensors given that this model has no use for. */
  readonly ignored: readonly string[];
}

/** A model as the forward pass needs it. */
export interface ForwardModel {
  readonly config: BeitConfig;
  readonly task: Task;
}

const fail = (code: string, message: string) => new BeitError(`forward/${code}`, message);
const isFloat = ({ dtype }: Tensor) => /^b?float/.test(dtype);
const describe = ({ dtype, shape }: Tensor) => `${dtype} [${shape.join(", ")}]`;

/** Any tensor of numbers as float32. */
function toFloat32(tensor: Tensor): Tensor<"float32"> {
  return isFloat(tensor)
    ? asFloat32(tensor)
    : float32(Float32Array.from(tensor.data as ArrayLike<number>, Number), tensor.shape);
}

/** float [B, C, H, W], sides multiples of the patch size. */
function readPixels(tensor: Tensor | undefined, { numChannels, patchSize }: BeitConfig): Tensor<"float32"> {
  const wanted = `floats [batch, ${numChannels}, height, width], sides multiples of ${patchSize}`;
  if (!tensor) throw fail("missing-input", `pixel_values: missing; expected ${wanted}`);
  const [batch = 0, channels, height = 0, width = 0] = tensor.shape;
  const fits = batch > 0 && height > 0 && width > 0 && height % patchSize === 0 && width % patchSize === 0;
  if (!isFloat(tensor) || tensor.shape.length !== 4 || channels !== numChannels || !fits) {
    throw fail("bad-input", `pixel_values: expected ${wanted}, got ${describe(tensor)}`);
  }
  return asFloat32(tensor);
}

/**
 * The mask [B, P] as floats, and the rows p·B + b of its masked positions in the row-major order of [B, P], in which
 * Hugging Face gathers logits and labels.
 */
function readMask(tensor: Tensor, batch: number, patches: number): { mask: Tensor<"float32">; rows: number[] } {
  if (!sameShape(tensor.shape, [batch, patches])) {
    const wanted = `bool or integers [${batch}, ${patches}] (one per picture and patch)`;
    throw fail("bad-input", `bool_masked_pos: expected ${wanted}, got ${describe(tensor)}`);
  }
  const mask = float32(
    toFloat32(tensor).data.map((value) => (value === 0 ? 0 : 1)),
    tensor.shape,
  );
  const rows: number[] = [];
  mask.data.forEach((value, i) => {
    if (value) rows.push((i % patches) * batch + Math.floor(i / patches));
  });
  return { mask, rows };
}

/** Class indices as int64, each in 0..classes − 1. */
function readIndices(tensor: Tensor, shape: readonly number[], classes: number, what: string): Tensor<"int64"> {
  if (isFloat(tensor) || !sameShape(tensor.shape, shape)) {
    throw fail("bad-input", `labels: expected integers [${shape.join(", ")}] (${what}), got ${describe(tensor)}`);
  }
  const indices = Array.from(tensor.data as ArrayLike<number | bigint>, Number);
  const bad = indices.find((index) => index < 0 || index >= classes);
  if (bad !== undefined) throw fail("bad-input", `labels: ${bad} is not one of the classes 0..${classes - 1}`);
  return int64(indices, shape);
}

/** Labels of a classifier: indices [B], or float targets [B, K] for regression and several labels at once. */
function readClassLabels(
  tensor: Tensor,
  batch: number,
  { labels, problemType }: BeitConfig,
): { kind: "indices" | "targets"; value: Tensor } {
  const K = labels.length;
  const declared = problemType === "regression" || problemType === "multi_label_classification";
  if (K > 1 && !declared && (!isFloat(tensor) || problemType)) {
    return { kind: "indices", value: readIndices(tensor, [batch], K, "one class per picture") };
  }
  const shapes = K === 1 ? [[batch], [batch, 1]] : [[batch, K]];
  if (!shapes.some((shape) => sameShape(shape, tensor.shape))) {
    throw fail("bad-input", `labels: expected floats [${shapes[0]!.join(", ")}], got ${describe(tensor)}`);
  }
  return { kind: "targets", value: float32(toFloat32(tensor).data, shapes[0]!) };
}

/** Inputs of masked image modelling; without a mask nothing is masked. */
function readMasking(given: Tensors, { config }: ForwardModel, batch: number, patches: number): Partial<ForwardInputs> {
  const tensor = given.get("bool_masked_pos");
  const labels = given.get("labels");
  if (tensor && !config.useMaskToken) throw fail("no-mask-token", "bool_masked_pos: this model has no mask token");
  if (!tensor) {
    if (labels) throw fail("missing-input", "bool_masked_pos: missing; labels are those of the masked patches");
    return { feeds: { bool_masked_pos: zeros([batch, patches]) } };
  }
  const { mask, rows } = readMask(tensor, batch, patches);
  const feeds = { bool_masked_pos: mask, masked_rows: int64(rows, [rows.length]) };
  if (!labels) return { feeds, maskedCount: rows.length };
  if (rows.length === 0)
    throw fail("bad-input", "bool_masked_pos: masks no patch, so there is nothing that labels could be of");
  const whole = sameShape(labels.shape, [batch, patches]);
  const shape = whole ? [batch, patches] : [rows.length];
  const indices = readIndices(labels, shape, config.vocabSize, `visual tokens of the ${rows.length} masked patches`);
  const gathered = rows.map((row) => Number(indices.data[(row % batch) * patches + Math.floor(row / batch)]));
  const value = whole ? int64(gathered, [rows.length]) : indices;
  return { feeds: { ...feeds, labels: value }, maskedCount: rows.length, labels: "indices" };
}

/**
 * Reads the inputs of a forward pass from tensors as Hugging Face's models take them: `pixel_values`, `labels`,
 * `bool_masked_pos`. Any floating-point dtype is taken for pixels and any integer dtype for labels and mask; shapes must
 * fit exactly.
 * @throws BeitError `forward/missing-input`, `forward/bad-input`, `forward/no-mask-token`
 */
export function readForwardInputs(given: Tensors, model: ForwardModel): ForwardInputs {
  const { config, task } = model;
  const pixels = readPixels(given.get("pixel_values"), config);
  const [batch, , height, width] = pixels.shape as [number, number, number, number];
  const known = ["pixel_values", ...(task === "features" ? [] : ["labels"])];
  const inputs = { batch, imageSize: [height, width] as const };
  if (task === "masked-image-modelling") {
    const masking = readMasking(given, model, batch, sizeOf(windowOf(config, [height, width])));
    return {
      ...inputs,
      ...masking,
      feeds: { ...masking.feeds, pixel_values: pixels },
      ignored: ignoredOf(given, [...known, "bool_masked_pos"]),
    };
  }
  if (given.has("bool_masked_pos")) {
    throw fail("bad-input", `bool_masked_pos: this is a model of ${task}, which takes no mask`);
  }
  const ignored = ignoredOf(given, known);
  const labels = given.get("labels");
  if (!labels || task === "features") return { ...inputs, feeds: { pixel_values: pixels }, ignored };
  const { kind, value } = readClassLabels(labels, batch, config);
  return { ...inputs, labels: kind, feeds: { pixel_values: pixels, labels: value }, ignored };
}

const ignoredOf = (given: Tensors, known: readonly string[]) =>
  [...given.keys()].filter((name) => !known.includes(name));
