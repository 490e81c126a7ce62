import { z } from "zod";
import { type FaceGeometry, paintMask, paintOccluder } from "../image/occlude.ts";
import { portrait } from "../image/portrait.ts";
import type { Point } from "../image/raster.ts";
import { zoomOut } from "../image/zoom-out.ts";
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

const zoomOutRecipe = z.strictObject({
  probability,
  /** The picture shows up to this many times its width. */
  maxScale: z.number().min(1).max(8),
  /** A face is never made narrower than this share of the picture. */
  smallestFace: z.number().min(0).max(1),
  /** Of a larger picture to be one of head and shoulders, with painted clothes, instead of a frame round the picture. */
  portrait: probability.default(0),
  /** Photographs of scenes to lie behind about half of them, else the ground is made up. */
  grounds: z
    .strictObject({
      /** Values of the attribute `source`. */
      sources: z.array(z.string()).min(1),
      /** Share of their height, from above, that shows surroundings rather than people. */
      upper: z.number().gt(0).max(1),
    })
    .optional(),
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
  /** By the sample's `source` attribute, for sources whose faces all lie alike. */
  geometries: z.record(z.string(), faceGeometry),
  /** Centre x, centre y, width and height of the face in single pictures, by the sample's id. Others stay as they are. */
  faces: z.record(z.string(), z.tuple([z.number(), z.number(), z.number(), z.number()])).default({}),
  /** Where a face lies in such a box, relative to the box; needed for `faces`. */
  faceBox: faceGeometry.optional(),
  /** Tight crops become parts of larger pictures, masked or not, so that framing says nothing about the label. */
  zoomOut: zoomOutRecipe.optional(),
});
export type OcclusionRecipe = z.infer<typeof OcclusionRecipe>;

/** A recipe whose labels are the data set's class indices. */
export interface Occlusion {
  readonly recipe: OcclusionRecipe;
  readonly mask: number;
  readonly bare: number;
  /** Files of scenes whose upper part may lie behind faces made small. */
  readonly scenes: readonly string[];
}

const MOST_SCENES = 400; // each reader keeps its strips of them, some 20 MB

/**
 * Read a recipe from its JSON text for a data set's classes.
 * @param samples the training pictures, among which the scenes are
 * @param name of the file, for messages
 * @throws BeitError `recipe/invalid` (not JSON, or a field missing, unknown or out of range; the field is named) and
 *   `recipe/unknown-class` (a label the data set does not have).
 */
export function parseOcclusion(
  text: string,
  { classes, samples = [] }: { classes: readonly string[]; samples?: readonly Pick<Sample, "path" | "attributes">[] },
  name: string,
): Occlusion {
  const recipe = readRecipe(text, name);
  const index = (label: string) => {
    const found = classes.indexOf(label);
    if (found >= 0) return found;
    const message = `${name}: the class ${label} is not one of the data set's: ${classes.join(", ")}`;
    throw new BeitError("recipe/unknown-class", message);
  };
  return { recipe, mask: index(recipe.maskLabel), bare: index(recipe.bareLabel), scenes: scenesOf(recipe, samples) };
}

/** Scenes spread evenly over the pictures of their sources. */
function scenesOf({ zoomOut }: OcclusionRecipe, samples: readonly Pick<Sample, "path" | "attributes">[]): string[] {
  const sources = new Set(zoomOut?.grounds?.sources);
  const paths = samples.filter(({ attributes }) => sources.has(attributes.source ?? "")).map(({ path }) => path);
  const count = Math.min(paths.length, MOST_SCENES);
  return Array.from({ length: count }, (_, i) => paths[Math.floor((i * paths.length) / count)]!);
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
 * stays), and perhaps step back from it. An unlabelled picture whose face is known counts as a bare face, so its label
 * becomes the bare one. Comes after decoding and before every other augmentation.
 * @param grounds the upper parts of the recipe's scenes
 * @returns the picture (the same object when nothing was done) and its label
 */
export function occlude(
  pixels: Pixels,
  sample: Pick<Sample, "id" | "label" | "attributes">,
  occlusion: Occlusion,
  random: Random,
  grounds: readonly Pixels[] = [],
): { pixels: Pixels; label: number } {
  const geometry = faceOf(sample, occlusion.recipe);
  if (!geometry) return { pixels, label: sample.label };
  const label = sample.label < 0 ? occlusion.bare : sample.label;
  const painted = paint(pixels, label, geometry, occlusion, random);
  return { ...painted, pixels: stepBack(painted.pixels, geometry, occlusion.recipe, random, grounds) };
}

function paint(pixels: Pixels, label: number, face: FaceGeometry, occlusion: Occlusion, random: Random) {
  const { recipe, mask, bare } = occlusion;
  const masks = random.uniform() < recipe.paintProbability;
  const covers = random.uniform() < recipe.occludeProbability;
  if (label === bare && masks) {
    const masked = paintMask(pixels, face, random);
    return { pixels: covers ? paintOccluder(masked, face, random, "upper") : masked, label: mask };
  }
  if (!covers || (label !== bare && label !== mask)) return { pixels, label };
  return { pixels: paintOccluder(pixels, face, random, label === mask ? "upper" : "anywhere"), label };
}

function stepBack(
  pixels: Pixels,
  face: FaceGeometry,
  { zoomOut: zoom }: OcclusionRecipe,
  random: Random,
  grounds: readonly Pixels[],
): Pixels {
  if (!zoom || random.uniform() >= zoom.probability) return pixels;
  const share = face.rightCheek[0] - face.leftCheek[0];
  const maxScale = Math.min(zoom.maxScale, share / zoom.smallestFace);
  return random.uniform() < zoom.portrait
    ? portrait(pixels, face, random, { maxScale, grounds })
    : zoomOut(pixels, random, { maxScale, grounds });
}

function faceOf(sample: Pick<Sample, "id" | "attributes">, recipe: OcclusionRecipe): FaceGeometry | undefined {
  const box = own(recipe.faces, sample.id);
  if (box && recipe.faceBox) return inBox(recipe.faceBox, box);
  return own(recipe.geometries, sample.attributes.source ?? "");
}

const own = <T>(record: Record<string, T>, key: string) => (Object.hasOwn(record, key) ? record[key] : undefined);

/** A geometry relative to a box as one relative to the picture. */
function inBox(face: FaceGeometry, [cx, cy, width, height]: readonly [number, number, number, number]): FaceGeometry {
  const at = ([x, y]: Point): Point => [cx + (x - 0.5) * width, cy + (y - 0.5) * height];
  return {
    leftEye: at(face.leftEye),
    rightEye: at(face.rightEye),
    noseTip: at(face.noseTip),
    mouth: at(face.mouth),
    chin: at(face.chin),
    leftCheek: at(face.leftCheek),
    rightCheek: at(face.rightCheek),
    spread: face.spread * width,
  };
}
