import { z } from "zod";
import { BeitError } from "../platform/errors.ts";

/** Everything that shapes a tokenizer. Four groups of blocks, the first three halve the picture: a code per 8 × 8 pixels. */
export interface DvaeConfig {
  /** Pictures are square, edge in pixels. */
  readonly imageSize: number;
  readonly numChannels: number;
  /** Width of the first group of the encoder; the others have 2, 4 and 8 times as many channels. */
  readonly hiddenSize: number;
  readonly blocksPerGroup: number;
  /** V, the number of codes. */
  readonly vocabSize: number;
  /** Channels that a code is read as at the start of the decoder. */
  readonly codeSize: number;
}

/** Groups of blocks in encoder and decoder. */
export const GROUPS = 4;

/** Edge of the square of pixels that one code stands for. */
export const CELL = 2 ** (GROUPS - 1);

/** `model_type` of a tokenizer's `config.json`; Hugging Face has none for DALL-E's. */
export const MODEL_TYPE = "dall_e_dvae";

const size = z.number().int().positive();

/** `config.json` with DALL-E's own names and defaults. @see openai/DALL-E dall_e/encoder.py, decoder.py */
const schema = z.looseObject({
  image_size: size.default(112), // the tokenizer view of BEiT, run_beit_pretraining.py --second_input_size
  input_channels: size.default(3),
  n_hid: size.default(256),
  n_blk_per_group: size.default(2),
  vocab_size: size.default(8192),
  n_init: size.default(128),
});

/**
 * A configuration from the content of a tokenizer's `config.json`.
 * @param name the file, for messages
 * @throws BeitError `config/invalid` naming the key, what was expected and what came
 */
export function parseDvaeConfig(json: unknown, name: string): DvaeConfig {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    throw new BeitError("config/invalid", `${name}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
  }
  const c = parsed.data;
  const config: DvaeConfig = {
    imageSize: c.image_size,
    numChannels: c.input_channels,
    hiddenSize: c.n_hid,
    blocksPerGroup: c.n_blk_per_group,
    vocabSize: c.vocab_size,
    codeSize: c.n_init,
  };
  checkDvaeConfig(config, name);
  return config;
}

/** @throws BeitError `config/invalid` when sizes do not fit each other */
export function checkDvaeConfig({ imageSize, hiddenSize }: DvaeConfig, name: string): void {
  if (imageSize % CELL) {
    throw new BeitError("config/invalid", `${name}: image_size ${imageSize} px is not a multiple of ${CELL} px`);
  }
  if (hiddenSize % 4) throw new BeitError("config/invalid", `${name}: n_hid ${hiddenSize} is not a multiple of 4`);
}

/** The content of `config.json`. */
export const serializeDvaeConfig = (config: DvaeConfig): Record<string, unknown> => ({
  architectures: ["DiscreteVAE"],
  image_size: config.imageSize,
  input_channels: config.numChannels,
  model_type: MODEL_TYPE,
  n_blk_per_group: config.blocksPerGroup,
  n_hid: config.hiddenSize,
  n_init: config.codeSize,
  torch_dtype: "float32",
  vocab_size: config.vocabSize,
});

/** Codes along the edge of a picture. */
export const codesPerSide = ({ imageSize }: DvaeConfig): number => imageSize / CELL;

const full = parseDvaeConfig({}, "defaults");

/**
 * Sizes by name: `full` is DALL-E's (Ramesh et al. 2021), the others are its shape with fewer channels and
 * codes, for machines without a GPU. All see pictures of 112 px as 14 × 14 codes.
 */
export const dvaePresets = {
  tiny: { ...full, hiddenSize: 16, blocksPerGroup: 1, vocabSize: 1024, codeSize: 32 },
  small: { ...full, hiddenSize: 32, vocabSize: 2048, codeSize: 64 },
  base: { ...full, hiddenSize: 64 },
  full,
} as const satisfies Record<string, DvaeConfig>;

/** Whether something names a preset. */
export const isDvaePreset = (name: unknown): name is keyof typeof dvaePresets =>
  typeof name === "string" && Object.hasOwn(dvaePresets, name);
