import { z } from "zod";
import { AugmentRecipe } from "../image/augment.ts";
import { BeitError } from "../platform/errors.ts";

/** A whole number above 0. */
export const positive = z.number().int().positive();

/** The keys that every kind of training shares, with fine-tuning's defaults; a recipe may change a default. */
export const settings = {
  epochs: z.number().positive().default(10),
  batchSize: positive.default(32),
  /** Images that go through the graph at once; activations should stay in cache. */
  microBatch: positive.optional(),
  learningRate: z.number().positive().default(5e-4),
  minLearningRate: z.number().min(0).default(1e-6),
  schedule: z.enum(["cosine", "linear", "constant"]).default("cosine"),
  warmupEpochs: z.number().min(0).default(1),
  /** "muon": the weight matrices of the blocks are moved by Muon, all else by AdamW. */
  optimizer: z.enum(["adamw", "muon"]).default("adamw"),
  weightDecay: z.number().min(0).default(0.05),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  eps: z.number().positive().default(1e-8),
  clipNorm: z.number().positive().nullable().default(1),
  /** Decay of the moving average of the weights that is evaluated and kept; null: the weights themselves. */
  ema: z.number().gt(0).lt(1).nullable().default(null),
  augment: AugmentRecipe.prefault({ crop: { scale: [0.3, 1] }, flip: 0.5 }),
  validationFraction: z.number().gt(0).lt(1).default(0.15),
  /** Evaluate after every so many epochs. */
  evaluateEvery: z.number().positive().default(1),
  seed: z.number().int().min(0).default(42),
};

/** What the loop itself reads of a recipe. */
export type Settings = Omit<z.infer<z.ZodObject<typeof settings>>, "augment">;

/**
 * The keys of a recipe's JSON file, options of the command line over them.
 * @throws BeitError `recipe/invalid` for JSON that is no object
 */
export function keysOf(json: unknown, overrides: Readonly<Record<string, unknown>>, name: string) {
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return { ...json, ...overrides };
  const came = Array.isArray(json) ? "a list" : JSON.stringify(json);
  throw new BeitError("recipe/invalid", `${name}: expected an object of settings, got ${came}`);
}

/**
 * A recipe of some kind.
 * @param name the file, for messages
 * @throws BeitError `recipe/invalid` naming the key, what was expected and what came
 */
export function parseSettings<S extends z.ZodType>(schema: S, keys: object, name: string): z.infer<S> {
  const parsed = schema.safeParse(keys);
  if (parsed.success) return parsed.data;
  throw new BeitError("recipe/invalid", `${name}: ${z.prettifyError(parsed.error).replaceAll("\n", " ")}`);
}

/**
 * Images that go through the graph at once: the largest divisor of the batch up to `most`, or what the recipe says.
 * @throws BeitError `recipe/invalid` when that does not divide the batch
 */
export function microBatchOf(
  { batchSize, microBatch }: Pick<Settings, "batchSize" | "microBatch">,
  most: number,
): number {
  if (microBatch && batchSize % microBatch) {
    throw new BeitError("recipe/invalid", `batchSize ${batchSize} is not a multiple of microBatch ${microBatch}`);
  }
  for (let divisor = Math.min(batchSize, microBatch ?? most); ; divisor--)
    if (batchSize % divisor === 0) return divisor;
}
