import { z } from "zod";
import { paintMask, paintOccluder } from "../image/occlude.ts";
import { BeitError } from "../platform/errors.ts";
import type { Pixels } from "../tensor/pixels.ts";
import type { Random } from "../tensor/random.ts";
import type { Sample } from "./sample.ts";

const point = z.tuple([z.number(), z.number()]);
const probability = z.number().min(0).max(1);

/** Where faces lie in one source's pictures, relative to width and height. */
const faceGeometry = z.strictObject({
  leftEye: point,
  rightEye: point,
  noseTip: point,
  mouth: point,
  chin: point,
  leftCheek: point,
  rightCheek: point,
  spread: z.number().min(0).max(0.25),
});

/** The recipe file: which pictures get a painted mask (and its label), which get something else in front of the face. */
export const OcclusionRecipe = z.strictObject({
  /** What the file is about, for its reader. */
  comment: z.string().optional(),
  maskLabel: z.string().min(1),
  bareLabel: z.string().min(1),
  /** Of a bare face to be painted with a mask and to change its label. */
  paintProbability: probability,
  /** Of a picture to get an occluder that is no mask; masked faces get only what leaves the mask in view. */
  occludeProbability: probability,
  /** By the sample's `source` attribute. Pictures of other sources stay as they are. */
  geometries: z.record(z.string(), faceGeometry),
});
export type OcclusionRecipe = z.infer<typeof OcclusionRecipe>;

/** A recipe whose labels are the data set's class indices. */
export interface Occlusion {
  readonly recipe: OcclusionRecipe;
  readonly mask: number;
  readonly bare: number;
}

/**
 * Read a recipe from its JSON text for a data set's classes.
 * @param name of the file, for messages
 * @throws BeitError `recipe/invalid` (not JSON, or a field missing, unknown or out of range; the field is named) and
 *   `recipe/unknown-class` (a label the data set does not have).
 */
export function parseOcclusion(text: string, classes: readonly string[], name: string): Occlusion {
  const recipe = readRecipe(text, name);
  const index = (label: string) => {
    const found = classes.indexOf(label);
    if (found >= 0) return found;
    const message = `${name}: the class ${label} is not one of the data set's: ${classes.join(", ")}`;
    throw new BeitError("recipe/unknown-class", message);
  };
  return { recipe, mask: index(recipe.maskLabel), bare: index(recipe.bareLabel) };
}

function readRecipe(text: string, name: string): OcclusionRecipe {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new BeitError("recipe/invalid", `${name}: expected JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = OcclusionRecipe.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new BeitError("recipe/invalid", `${name}: ${issue.path.join(".") || "recipe"}: ${issue.message}`);
}

/**
 * Perhaps paint a mask onto a bare face (its label becomes the mask's) or something else in front of a face (its label
 * stays). An unlabelled picture of a source in the recipe counts as a bare face, so its label becomes the bare one.
 * Comes after decoding and before every other augmentation.
 * @returns the picture (the same object when nothing was painted) and its label
 */
export function occlude(
  pixels: Pixels,
  sample: Pick<Sample, "label" | "attributes">,
  { recipe, mask, bare }: Occlusion,
  random: Random,
): { pixels: Pixels; label: number } {
  const source = sample.attributes.source;
  const geometry =
    source === undefined || !Object.hasOwn(recipe.geometries, source) ? undefined : recipe.geometries[source];
  if (!geometry) return { pixels, label: sample.label };
  const label = sample.label < 0 ? bare : sample.label;
  const [paint, cover] = [random.uniform() < recipe.paintProbability, random.uniform() < recipe.occludeProbability];
  if (label === bare && paint) {
    const masked = paintMask(pixels, geometry, random);
    return { pixels: cover ? paintOccluder(masked, geometry, random, "upper") : masked, label: mask };
  }
  if (!cover || (label !== bare && label !== mask)) return { pixels, label };
  return { pixels: paintOccluder(pixels, geometry, random, label === mask ? "upper" : "anywhere"), label };
}
