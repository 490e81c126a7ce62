import { activations } from "../nn/layers.ts";
import { BeitError } from "../platform/errors.ts";
import { either, fieldsOf, kinds, oneOf, pairOf, recordOf } from "./fields.ts";

const problemTypes = ["regression", "single_label_classification", "multi_label_classification"] as const;

/** Everything that shapes a BEiT. Sizes in pixels, tokens or channels. */
export interface BeitConfig {
  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: number;
  readonly numChannels: number;
  /** D, the width of a token. */
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: string;
  readonly hiddenDropout: number;
  readonly attentionDropout: number;
  readonly initializerRange: number;
  readonly layerNormEps: number;
  readonly useMaskToken: boolean;
  readonly useAbsolutePositions: boolean;
  readonly useRelativePositionBias: boolean;
  readonly useSharedRelativePositionBias: boolean;
  /** Initial layer scale; 0 means no layer scale. */
  readonly layerScaleInit: number;
  /** Drop-path rate of the last layer; it rises linearly from 0 at the first. */
  readonly dropPathRate: number;
  readonly useMeanPooling: boolean;
  /** Visual tokens of the pre-training head. */
  readonly vocabSize: number;
  /** Class names by index. */
  readonly labels: readonly string[];
  readonly problemType?: (typeof problemTypes)[number];
}

/** Which head a checkpoint has. */
export type Task = "classification" | "masked-image-modelling" | "features";

const architectures: Record<Task, string> = {
  classification: "BeitForImageClassification",
  "masked-image-modelling": "BeitForMaskedImageModeling",
  features: "BeitModel",
};

/** What a configuration may ask for before its weights are looked at: beyond all that was ever published. */
const MOST = { layers: 1000, patches: 16_384, labels: 100_000 };

const fail = (name: string, message: string) => new BeitError("config/invalid", `${name}: ${message}`);

function labelsOf(
  id2label: Readonly<Record<string, string>> | undefined,
  count: number | undefined,
  name: string,
): string[] {
  if (!id2label && (count ?? 2) > MOST.labels) throw fail(name, `num_labels ${count}: the limit is ${MOST.labels}`);
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`); // Hugging Face's default: 2 labels
  const n = Object.keys(id2label).length;
  return Array.from({ length: n }, (_, i) => {
    const label = id2label[String(i)];
    if (label === undefined) throw fail(name, `id2label has ${n} entries but none for index ${i}`);
    return label;
  });
}

const { text, flag, size, positive, notNegative, rate } = kinds;
const sides = either(size, pairOf(size));
const pair = (value: number | readonly [number, number]) =>
  typeof value === "number" ? ([value, value] as const) : value;

/**
 * A configuration from the content of a Hugging Face `config.json`, with the defaults of its BeitConfig; unknown keys are
 * tolerated.
 * @param name the file, for messages
 * @throws BeitError `config/invalid` naming the key, what was expected and what came
 */
export function parseConfig(json: unknown, name: string): BeitConfig {
  const { read, optional } = fieldsOf(json, name);
  read("model_type", oneOf("beit"), "beit");
  const [patchSize, other] = pair(read("patch_size", sides, 16));
  if (patchSize !== other) throw fail(name, `patch_size [${patchSize}, ${other}]: only square patches are supported`);
  const labels = labelsOf(optional("id2label", recordOf(text)), optional("num_labels", size), name);
  const problemType = optional("problem_type", oneOf(...problemTypes));
  const config: BeitConfig = {
    imageSize: pair(read("image_size", sides, 224)),
    patchSize,
    numChannels: read("num_channels", size, 3),
    hiddenSize: read("hidden_size", size, 768),
    numLayers: read("num_hidden_layers", size, 12),
    numHeads: read("num_attention_heads", size, 12),
    intermediateSize: read("intermediate_size", size, 3072),
    hiddenAct: read("hidden_act", text, "gelu"),
    hiddenDropout: read("hidden_dropout_prob", rate, 0),
    attentionDropout: read("attention_probs_dropout_prob", rate, 0),
    initializerRange: read("initializer_range", positive, 0.02),
    layerNormEps: read("layer_norm_eps", positive, 1e-12),
    useMaskToken: read("use_mask_token", flag, false),
    useAbsolutePositions: read("use_absolute_position_embeddings", flag, false),
    useRelativePositionBias: read("use_relative_position_bias", flag, false),
    useSharedRelativePositionBias: read("use_shared_relative_position_bias", flag, false),
    layerScaleInit: read("layer_scale_init_value", notNegative, 0.1),
    dropPathRate: read("drop_path_rate", rate, 0.1),
    useMeanPooling: read("use_mean_pooling", flag, true),
    vocabSize: read("vocab_size", size, 8192),
    labels,
    ...(problemType && { problemType }),
  };
  checkConfig(config, name);
  return config;
}

/** @throws BeitError `config/invalid` when sizes do not fit each other. */
export function checkConfig(config: BeitConfig, name: string): void {
  const { imageSize, patchSize, hiddenSize, numLayers, numHeads, hiddenAct } = config;
  for (const [side, pixels] of [
    ["height", imageSize[0]],
    ["width", imageSize[1]],
  ] as const) {
    if (pixels % patchSize)
      throw fail(name, `image ${side} ${pixels} px is not a multiple of patch size ${patchSize} px`);
  }
  const patches = (imageSize[0] / patchSize) * (imageSize[1] / patchSize);
  if (patches > MOST.patches) {
    throw fail(name, `image_size and patch_size make ${patches} patches: the limit is ${MOST.patches}`);
  }
  if (numLayers > MOST.layers) throw fail(name, `num_hidden_layers ${numLayers}: the limit is ${MOST.layers}`);
  if (hiddenSize % numHeads) throw fail(name, `hidden_size ${hiddenSize} is not a multiple of ${numHeads} heads`);
  if (!Object.hasOwn(activations, hiddenAct)) {
    throw fail(name, `hidden_act "${hiddenAct}" is not supported; supported: ${Object.keys(activations).join(", ")}`);
  }
}

/** Which head `architectures` of a `config.json` names; undefined when it names none of ours. */
export function taskOf(json: unknown): Task | undefined {
  const names = (json as { architectures?: unknown })?.architectures;
  if (!Array.isArray(names)) return undefined;
  return (Object.keys(architectures) as Task[]).find((task) => names.includes(architectures[task]));
}

/** The content of `config.json`, readable by Python transformers and transformers.js. */
export function serializeConfig(config: BeitConfig, task: Task): Record<string, unknown> {
  const [height, width] = config.imageSize;
  return {
    architectures: [architectures[task]],
    attention_probs_dropout_prob: config.attentionDropout,
    drop_path_rate: config.dropPathRate,
    hidden_act: config.hiddenAct,
    hidden_dropout_prob: config.hiddenDropout,
    hidden_size: config.hiddenSize,
    id2label: Object.fromEntries(config.labels.map((label, i) => [String(i), label])),
    image_size: height === width ? height : [height, width],
    initializer_range: config.initializerRange,
    intermediate_size: config.intermediateSize,
    label2id: Object.fromEntries(config.labels.map((label, i) => [label, i])),
    layer_norm_eps: config.layerNormEps,
    layer_scale_init_value: config.layerScaleInit,
    model_type: "beit",
    num_attention_heads: config.numHeads,
    num_channels: config.numChannels,
    num_hidden_layers: config.numLayers,
    patch_size: config.patchSize,
    problem_type: config.problemType ?? null,
    torch_dtype: "float32",
    use_absolute_position_embeddings: config.useAbsolutePositions,
    use_mask_token: config.useMaskToken,
    use_mean_pooling: config.useMeanPooling,
    use_relative_position_bias: config.useRelativePositionBias,
    use_shared_relative_position_bias: config.useSharedRelativePositionBias,
    vocab_size: config.vocabSize,
  };
}

/** Patches along height and width. */
export const windowOf = (config: BeitConfig, imageSize = config.imageSize): [number, number] => [
  imageSize[0] / config.patchSize,
  imageSize[1] / config.patchSize,
];

/** Width D from which one matrix product fills all cores and several copies of the weights would cost too much (docs/log.md). */
export const WIDE = 512;

const defaults = parseConfig({}, "defaults");

/** A preset's widths with the reference card's layout: shared relative position bias and mask token. */
const preset = (hiddenSize: number, numLayers: number, numHeads: number, intermediateSize: number): BeitConfig => ({
  ...defaults,
  hiddenSize,
  numLayers,
  numHeads,
  intermediateSize,
  useSharedRelativePositionBias: true,
  useMaskToken: true,
});

/**
 * Sizes by name, in the layout of the published self-supervised checkpoints (shared relative position bias, mask token),
 * which is also the reference card's. `base` and `large`: Bao, Dong, Wei 2021, section 3.1; `tiny` and `small`: the
 * DeiT widths (Touvron et al. 2021, table 1).
 */
export const presets = {
  tiny: preset(192, 12, 3, 768),
  small: preset(384, 12, 6, 1536),
  base: preset(768, 12, 12, 3072),
  large: { ...preset(1024, 24, 16, 4096), layerScaleInit: 1e-5 }, // 1e-5 for large: paper, appendix
} as const satisfies Record<string, BeitConfig>;

/** Whether something names a preset. */
export const isPreset = (name: unknown): name is keyof typeof presets =>
  typeof name === "string" && Object.hasOwn(presets, name);
