import type { DatasetOptions } from "../dataset/folder.ts";
import { readJson } from "../platform/files.ts";
import { pathKind } from "../platform/folders.ts";

/** How the run that made a model drew train and validation apart, so that its validation split is drawn again. */
export async function drawnBy(model: string): Promise<Pick<DatasetOptions, "seed" | "validationFraction">> {
  const file = `${model}/recipe.json`;
  if ((await pathKind(file)) !== "file") return {};
  const { seed, validationFraction } = (await readJson(file)) as Record<string, unknown>;
  return {
    ...(typeof seed === "number" && { seed }),
    ...(typeof validationFraction === "number" && { validationFraction }),
  };
}
