import { type Drawing, openDataset } from "../dataset/folder.ts";
import { readLayout } from "../dataset/layout.ts";
import type { Sample } from "../dataset/sample.ts";
import { BeitError } from "../platform/errors.ts";
import { absolutePath, pathKind } from "../platform/folders.ts";
import type { LabelledLogits } from "./logits.ts";
import { type Classifier, createPredictor } from "./predictor.ts";

/** A picture that could not be scored. */
export interface Unreadable {
  readonly file: string;
  readonly error: string;
}

/** What a classifier says about a data set's pictures. */
export interface ScoredDataset {
  readonly split: string;
  /** The pictures that could be read, in the order of the logits. */
  readonly samples: readonly Sample[];
  readonly scored: LabelledLogits;
  readonly unreadable: readonly Unreadable[];
  /** Wall clock of reading and classifying, the model loaded before. */
  readonly runtimeSeconds: number;
}

/** Which pictures, and how. */
export interface ScoreOptions {
  /** Default: validation where the data set has one of its own, else all of it. */
  readonly split?: string;
  /** How train and validation are drawn apart where the data set has no validation split. */
  readonly drawn?: Drawing;
  readonly workers?: number;
  /** Told after each picture; `total` pictures in all. */
  readonly onProgress?: (done: number, total: number) => void;
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
  const predictor = await createPredictor(model, options.workers === undefined ? {} : { workers: options.workers });
  const began = performance.now();
  const logits = new Float32Array(samples.length * classes.length);
  const read: Sample[] = [];
  const unreadable: Unreadable[] = [];
  try {
    let row = 0;
    for await (const outcome of predictor.scores(samples.map(({ path }) => path))) {
      const sample = samples[row++]!;
      if ("error" in outcome) unreadable.push({ file: sample.id, error: outcome.error.message });
      else logits.set(outcome.logits, (read.push(sample) - 1) * classes.length);
      options.onProgress?.(row, samples.length);
    }
  } finally {
    await predictor.close();
  }
  if (read.length === 0) {
    const message = `${root}: none of the ${samples.length} pictures can be read; the first: ${unreadable[0]!.error}`;
    throw new BeitError("evaluate/no-samples", message);
  }
  return {
    split,
    samples: read,
    scored: {
      logits: logits.subarray(0, read.length * classes.length),
      labels: Int32Array.from(read, ({ label }) => label),
      classes,
    },
    unreadable,
    runtimeSeconds: (performance.now() - began) / 1000,
  };
}
