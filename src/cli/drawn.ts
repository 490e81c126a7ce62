import { z } from "zod";
import type { Drawing } from "../dataset/folder.ts";
import { readJson } from "../platform/files.ts";
import { pathKind } from "../platform/folders.ts";

const drawing = z.object({
  seed: z.number().optional().catch(undefined),
  validationFraction: z.number().optional().catch(undefined),
  holdout: z
    .object({ key: z.string(), values: z.array(z.string()) })
    .optional()
    .catch(undefined),
});

/** How the run that made a model drew train and validation apart, so that its validation split is drawn again. */
export async function drawnBy(model: string): Promise<Drawing> {
  const file = `${model}/recipe.json`;
  if ((await pathKind(file)) !== "file") return {};
  const { seed, validationFraction, holdout } = drawing.catch({}).parse(await readJson(file));
  return {
    ...(seed !== undefined && { seed }),
    ...(validationFraction !== undefined && { validationFraction }),
    keptOut: holdout,
  };
}
