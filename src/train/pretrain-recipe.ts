import { z } from "zod";
import { AugmentRecipe } from "../image/augment.ts";
import { modelSettings } from "./recipe.ts";
import { keysOf, parseSettings, positive, settings } from "./settings.ts";

/** Jitter, flip, then one crop for both views. @see microsoft/unilm beit/datasets.py DataAugmentationForBEiT */
const twoViews = AugmentRecipe.prefault({
  colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
  flip: 0.5,
  crop: {},
});

/**
 * How to pre-train by masked image modelling: every choice that changes the weights. Absent keys take the defaults written
 * here: the original's, but for batch and learning rate, which are for one machine.
 * @see Bao, Dong, Wei 2021, section 3.2 and appendix; microsoft/unilm beit/README.md
 */
export const PretrainRecipe = z.strictObject({
  ...modelSettings,
  ...settings,
  init: modelSettings.init.unwrap().default("pretrain"),
  learningRate: settings.learningRate.unwrap().default(1e-3),
  minLearningRate: settings.minLearningRate.unwrap().default(1e-5),
  clipNorm: z.number().positive().nullable().default(3),
  augment: twoViews,
  validationFraction: settings.validationFraction.unwrap().default(0.02),
  /** Folder or file of the tokenizer; the one that comes with this package when absent. */
  tokenizer: z.string().optional(),
  /** Height and width of the pictures that the tokenizer sees; 8 pixels a patch when absent. */
  tokenizerImageSize: positive.optional(),
  /** What the head predicts of masked patches: their visual tokens, or their pixels, the paper's ablation. */
  target: z.enum(["tokens", "pixels"]).default("tokens"),
  masking: z.enum(["blockwise", "random"]).default("blockwise"),
  /** Patches masked at most; 75 of 196, and as large a part of other grids, when absent. */
  maskedPatches: positive.optional(),
  /** Smallest area drawn for a block in patches; 16 of 196, and as large a part of other grids, when absent. */
  minBlock: positive.optional(),
});
export type PretrainRecipe = z.infer<typeof PretrainRecipe>;

/**
 * A pre-training recipe from the content of its JSON file and from options of the command line, which win.
 * @throws BeitError `recipe/invalid` naming the key, what was expected and what came
 */
export const parsePretrainRecipe = (
  json: unknown,
  overrides: Readonly<Record<string, unknown>>,
  name: string,
): PretrainRecipe => parseSettings(PretrainRecipe, keysOf(json, overrides, name), name);
