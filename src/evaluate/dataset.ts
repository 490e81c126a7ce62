import { type Drawing, openDataset } from "../dataset/folder.ts";
import { readLayout } from "../dataset/layout.ts";
import { absolutePath, pathKind } from "../platform/folders.ts";
import type { Classifier } from "./predictor.ts";
import { type SampleOptions, type ScoredSamples, scoreSamples } from "./samples.ts";

/** What a classifier says about a data set's pictures. */
export interface ScoredDataset extends ScoredSamples {
  readonly split: string;
}

/** Which pictures, and how. */
export interface ScoreOptions extends SampleOptions {
  /** Default: validation where the data set has one of its own, else all of it. */
  readonly split?: string;
  /** How train and validation are drawn apart where the data set has no validation split. */
  readonly drawn?: Drawing;
}

async function defaultSplit(root: string): Promise<string> {
  if ((await pathKind(root)) !== "folder") return "all"; // openDataset says what is wrong
  const { entries } = await readLayout(absolutePath(root));
  return entries.some(({ split, label }) => split === "validation" && label !== undefined) ? "validation" : "all";
}

/**
 * Classifies a data set's labelled pictures; those that cannot be read are listed and left out.
 * @throws BeitError as `openDataset` (`dataset/unknown-class` for labels that the model does not have), and
 * `evaluate/no-samples` when no picture can be read
 */
export async function scoreDataset(
  model: Classifier,
  root: string,
  options: ScoreOptions = {},
): Promise<ScoredDataset> {
  const classes = model.config.labels;
  const wanted = options.split ?? (await defaultSplit(root));
  const { samples, split } = await openDataset(root, { ...options.drawn, split: wanted, classes });
  return { split, ...(await scoreSamples(model, samples, classes, options)) };
}
