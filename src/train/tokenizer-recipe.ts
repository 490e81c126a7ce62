import { z } from "zod";
import { AugmentRecipe } from "../image/augment.ts";
import { keysOf, parseSettings, positive, settings } from "./settings.ts";

const crop = AugmentRecipe.prefault({ crop: { scale: [0.4, 1] }, filter: "lanczos", flip: 0.5 });

/**
 * How to train an image tokenizer: every choice that changes the weights. Absent keys take the defaults written here, which
 * are for thousands of steps, not for the millions of the original.
 * @see Ramesh et al. 2021, "Zero-shot text-to-image generation", appendix
 */
export const TokenizerRecipe = z.strictObject({
  ...settings,
  /** tiny, small, base or full, or the folder of a tokenizer to go on from. */
  model: z.string().default("tiny"),
  /** Height and width of the pictures it learns from, in pixels; a code stands for 8 × 8 of them. */
  imageSize: positive.default(112),
  learningRate: settings.learningRate.unwrap().default(1e-3),
  minLearningRate: settings.minLearningRate.unwrap().default(1e-5),
  warmupEpochs: settings.warmupEpochs.unwrap().default(0.1),
  weightDecay: settings.weightDecay.unwrap().default(1e-4),
  beta2: settings.beta2.unwrap().default(0.99),
  ema: z.number().gt(0).lt(1).nullable().default(0.99),
  optimizer: z.literal("adamw").default("adamw"),
  augment: crop,
  validationFraction: settings.validationFraction.unwrap().default(0.02),
  /** Temperature of the Gumbel softmax in the first step, and at the end of its fall. */
  temperature: z.number().positive().default(1),
  minTemperature: z
    .number()
    .positive()
    .default(1 / 16),
  /** Share of the steps in which the temperature falls, along a cosine. */
  annealing: z.number().gt(0).max(1).default(0.7),
  /** β, the weight of the divergence of the codes from the uniform distribution. */
  divergenceWeight: z.number().min(0).default(2),
  /** Weight of the divergence of the codes' frequencies from the uniform distribution, which keeps them all in use. */
  diversityWeight: z.number().min(0).default(50),
  /** Share of the steps in which β rises from 0. */
  divergenceWarmup: z.number().min(0).max(1).default(0.1),
});
export type TokenizerRecipe = z.infer<typeof TokenizerRecipe>;

/**
 * A tokenizer recipe from the content of its JSON file and from options of the command line, which win.
 * @throws BeitError `recipe/invalid` naming the key, what was expected and what came
 */
export const parseTokenizerRecipe = (
  json: unknown,
  overrides: Readonly<Record<string, unknown>>,
  name: string,
): TokenizerRecipe => parseSettings(TokenizerRecipe, keysOf(json, overrides, name), name);
