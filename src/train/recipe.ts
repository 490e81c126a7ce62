import { z } from "zod";
import { isPreset } from "../beit/config.ts";
import { BeitError } from "../platform/errors.ts";
import { keysOf, parseSettings, positive, settings } from "./settings.ts";

const fraction = z.number().min(0).max(1);

/** Plain pictures that join the training set under one label. */
const extra = z.strictObject({
  /** Split folder of the data set, e.g. `unlabelled`. */
  split: z.string(),
  label: z.string(),
  /** Draws per epoch, relative to the pictures of the training split; all of them when absent. */
  share: z.number().positive().optional(),
});

/** Name of the encoder that comes with this package: `tiny`, pre-trained on photographs of faces. */
export const PRETRAINED = "pretrained";

/** The keys that say which model a run starts from, for all that train a BEiT. */
export const modelSettings = {
  /** "pretrained", a preset (tiny, small, base, large) with fresh weights, or a model folder. */
  model: z.string().default("tiny"),
  /** Initialisation of what the checkpoint does not bring. */
  init: z.enum(["pretrain", "finetune", "huggingface", "mimetic"]).default("finetune"),
  /** Initial layer scale, where it should not be the configuration's. */
  layerScaleInit: z.number().positive().optional(),
  /** Fresh relative position tables prefer near patches: helps training from scratch on few images. */
  locality: z.boolean().default(false),
  /** Input height and width in pixels; tables of another size are resized by the original's geometric scheme. */
  imageSize: positive.default(224),
  dropPath: z.number().min(0).lt(1).default(0.1),
};

/**
 * How to fine-tune: every choice that changes the weights, and nothing else. Absent keys take the defaults written here.
 * @see Bao, Dong, Wei 2021, appendix; Touvron et al. 2021 (DeiT) for training from scratch
 */
export const Recipe = z.strictObject({
  ...modelSettings,
  ...settings,
  model: z.string().default(PRETRAINED),
  /** A shared relative position table of the checkpoint becomes one for each layer, as unilm's fine-tuning has it. */
  positionBiasPerLayer: z.boolean().default(false),
  /** Which parameters decay, and how layers are told apart: the original's rules or Hugging Face's Trainer's. */
  tradition: z.enum(["beit", "huggingface"]).default("beit"),
  layerDecay: z.number().positive().max(1).default(1),
  /** The head and that many of the last blocks are trained, 0 for the head alone; everything when null or absent. */
  trainLayers: z.number().int().min(0).nullable().optional(),
  /** Null: pictures are prepared as for evaluation. */
  augment: settings.augment.nullable(),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  /** Patches that a step looks at, of each 2 × 2 cell: 4 is all of them, 1 a quarter of the cost. */
  patchesPerCell: z.number().int().min(1).max(4).default(4),
  /** Attributes whose combinations are drawn equally often (temper 1) or nearly so. */
  balance: z.strictObject({ by: z.array(z.string()).min(1), temper: fraction.default(1) }).optional(),
  /** File of an occlusion recipe: painted masks and other things in front of faces. */
  occlusion: z.string().optional(),
  extra: z.array(extra).default([]),
  /** Attribute and values that are kept out of training and validated on. */
  holdout: z.strictObject({ key: z.string(), values: z.array(z.string()).min(1) }).optional(),
  /** Share of the training split that is used, so much of every class, drawn by the seed; groups stay together. */
  labelFraction: z.number().gt(0).max(1).default(1),
  /** Which metric chooses the weights that are kept. */
  best: z.enum(["balanced_accuracy", "accuracy", "loss"]).default("balanced_accuracy"),
  /** Later stages, each as the keys that differ from the rest of the recipe; each starts from the weights before it. */
  later: z.array(z.record(z.string(), z.unknown())).default([]),
});
export type Recipe = z.infer<typeof Recipe>;

/** Defaults where the weights are fresh: what learnt most from 16,000 pictures (docs/log.md, docs/decisions/0012). */
export const fromScratch = {
  init: "mimetic",
  layerScaleInit: 1,
  locality: true,
  optimizer: "muon",
  learningRate: 1e-3,
  beta2: 0.98,
  dropPath: 0,
} as const satisfies Partial<Recipe>;

/** Defaults where the weights are a checkpoint's: lower layers, which know most already, move least (paper, appendix). */
export const fromCheckpoint = { layerDecay: 0.75 } as const satisfies Partial<Recipe>;

/**
 * A recipe from the content of its JSON file and from options of the command line, which win.
 * @throws BeitError `recipe/invalid` naming the key, what was expected and what came
 */
export function parseRecipe(json: unknown, overrides: Readonly<Record<string, unknown>>, name: string): Recipe {
  const given: Readonly<Record<string, unknown>> = keysOf(json, overrides, name);
  const fresh = isPreset(given.model ?? Recipe.shape.model.parse(undefined));
  return parseSettings(Recipe, { ...(fresh ? fromScratch : fromCheckpoint), ...given }, name);
}

/** Keys that all stages of a run share. */
const COMMON = ["model", "init", "holdout", "validationFraction", "seed", "later"] as const;

/**
 * The stages of a recipe in order, the first being the recipe without `later`. Every later one has the first's model; its
 * run starts from what the stage before it made.
 * @throws BeitError `recipe/invalid` naming the stage and the key
 */
export function stagesOf(recipe: Recipe, name: string): Recipe[] {
  const first: Recipe = { ...recipe, later: [] };
  const following = recipe.later.map((changes, i) => {
    const place = `${name}, stage ${i + 2}`;
    const common = COMMON.find((key) => key in changes);
    if (common) throw new BeitError("recipe/invalid", `${place}: ${common} is the same in all stages`);
    return parseRecipe(first, changes, place);
  });
  return [first, ...following];
}
