import { z } from "zod";
import type { Drawing } from "../dataset/folder.ts";
import { readJson } from "../platform/files.ts";
import { absolutePath, pathKind } from "../platform/folders.ts";

export const RECIPE = "recipe.json";

const drawing = z.object({
  seed: z.number().optional().catch(undefined),
  validationFraction: z.number().optional().catch(undefined),
  holdout: z
    .object({ key: z.string(), values: z.array(z.string()) })
    .optional()
    .catch(undefined),
});

/** The recipe that lies with a model: in its folder, or beside a file of weights. */
export async function recipeFile(model: string): Promise<string | undefined> {
  const file = (await pathKind(model)) === "file" ? absolutePath(`../${RECIPE}`, model) : `${model}/${RECIPE}`;
  return (await pathKind(file)) === "file" ? file : undefined;
}

/** How the run that made a model drew train and validation apart, so that its validation split is drawn again. */
export async function drawnBy(model: string): Promise<Drawing> {
  const file = await recipeFile(model);
  if (!file) return {};
  const { seed, validationFraction, holdout } = drawing.catch({}).parse(await readJson(file));
  return {
    ...(seed !== undefined && { seed }),
    ...(validationFraction !== undefined && { validationFraction }),
    keptOut: holdout,
  };
}
