import { z } from "zod";
import { activations } from "../nn/layers.ts";
import { BeitError } from "../platform/errors.ts";

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
  readonly problemType?: "regression" | "single_label_classification" | "multi_label_classification";
}

/** Which head a checkpoint has. */
export type Task = "classification" | "masked-image-modelling" | "features";

const architectures: Record<Task, string> = {
  classification: "BeitForImageClassification",
  "masked-image-modelling": "BeitForMaskedImageModeling",
  features: "BeitModel",
};

const size = z.number().int().positive();
const rate = z.number().min(0).lt(1);

/** `config.json` of Hugging Face with the defaults of its BeitConfig; unknown keys are tolerated. */
const schema = z.looseObject({
  model_type: z.literal("beit").default("beit"),
  architectures: z.array(z.string()).nullish(),
  vocab_size: size.default(8192),
  hidden_size: size.default(768),
  num_hidden_layers: size.default(12),
  num_attention_heads: size.default(12),
  intermediate_size: size.default(3072),
  hidden_act: z.string().default("gelu"),
  hidden_dropout_prob: rate.default(0),
  attention_probs_dropout_prob: rate.default(0),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-12),
  image_size: z.union([size.transform((s): [number, number] => [s, s]), z.tuple([size, size])]).default([224, 224]),
  patch_size: z.union([size, z.tuple([size, size])]).default(16),
  num_channels: size.default(3),
  use_mask_token: z.boolean().default(false),
  use_absolute_position_embeddings: z.boolean().default(false),
  use_relative_position_bias: z.boolean().default(false),
  use_shared_relative_position_bias: z.boolean().default(false),
  layer_scale_init_value: z.number().min(0).default(0.1),
  drop_path_rate: rate.default(0.1),
  use_mean_pooling: z.boolean().default(true),
  id2label: z.record(z.string(), z.string()).nullish(),
  num_labels: size.optional(),
  problem_type: z.enum(["regression", "single_label_classification", "multi_label_classification"]).nullish(),
});

const fail = (name: string, message: string) => new BeitError("config/invalid", `${name}: ${message}`);

function labelsOf(
  id2label: Record<string, string> | null | undefined,
  count: number | undefined,
  name: string,
): string[] {
  if (!id2label) return Array.from({ length: count ?? 2 }, (_, i) => `LABEL_${i}`); // Hugging Face's default: 2 labels
  const n = Object.keys(id2label).length;
  return Array.from({ length: n }, (_, i) => {
    const label = id2label[String(i)];
    if (label === undefined) throw fail(name, `id2label has ${n} entries but none for index ${i}`);
    return label;
  });
}

/**
 * A configuration from the content of a Hugging Face `config.json`.
 * @param name the file, for messages
 * @throws BeitError `config/invalid` naming the key, what was expected and what came
 */
export function parseConfig(json: unknown, name: string): BeitConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw fail(name, z.prettifyError(parsed.error).replaceAll("\n", " "));
  const c = parsed.data;
  const [patch, other] = typeof c.patch_size === "number" ? [c.patch_size, c.patch_size] : c.patch_size;
  if (patch !== other) throw fail(name, `patch_size [${patch}, ${other}]: only square patches are supported`);
  const config: BeitConfig = {
    imageSize: c.image_size,
    patchSize: patch,
    numChannels: c.num_channels,
    hiddenSize: c.hidden_size,
    numLayers: c.num_hidden_layers,
    numHeads: c.num_attention_heads,
    intermediateSize: c.intermediate_size,
    hiddenAct: c.hidden_act,
    hiddenDropout: c.hidden_dropout_prob,
    attentionDropout: c.attention_probs_dropout_prob,
    initializerRange: c.initializer_range,
    layerNormEps: c.layer_norm_eps,
    useMaskToken: c.use_mask_token,
    useAbsolutePositions: c.use_absolute_position_embeddings,
    useRelativePositionBias: c.use_relative_position_bias,
    useSharedRelativePositionBias: c.use_shared_relative_position_bias,
    layerScaleInit: c.layer_scale_init_value,
    dropPathRate: c.drop_path_rate,
    useMeanPooling: c.use_mean_pooling,
    vocabSize: c.vocab_size,
    labels: labelsOf(c.id2label, c.num_labels, name),
    ...(c.problem_type ? { problemType: c.problem_type } : {}),
  };
  checkConfig(config, name);
  return config;
}

/** @throws BeitError `config/invalid` when sizes do not fit each other. */
export function checkConfig(config: BeitConfig, name: string): void {
  const { imageSize, patchSize, hiddenSize, numHeads, hiddenAct } = config;
  for (const [side, pixels] of [
    ["height", imageSize[0]],
    ["width", imageSize[1]],
  ] as const) {
    if (pixels % patchSize)
      throw fail(name, `image ${side} ${pixels} px is not a multiple of patch size ${patchSize} px`);
  }
  if (hiddenSize % numHeads) throw fail(name, `hidden_size ${hiddenSize} is not a multiple of ${numHeads} heads`);
  if (!(hiddenAct in activations)) {
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
    problem_type: config.problemType ?? (task === "classification" ? "single_label_classification" : null),
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
