import { BeitError } from "../platform/errors.ts";
import { absolutePath, compareCodePoints, pathKind, walkFiles } from "../platform/folders.ts";
import { classesOf, requireEveryClass, requireFullClasses } from "./classes.ts";
import { isImageName } from "./images.ts";
import { type Layout, readLayout } from "./layout.ts";
import { canonicalSplit, type Entry } from "./metadata.ts";
import type { Dataset, Sample } from "./sample.ts";
import { type Holdout, holdOut, selectSamples, type Where } from "./select.ts";
import { splitSamples } from "./split.ts";

/** Which part of a data set to open. */
export interface DatasetOptions {
  /** `"train"`, `"validation"`, `"test"`, a split of the metadata's own, `"unlabelled"`, or all labelled pictures. */
  split?: "train" | "validation" | "test" | "all" | (string & {});
  /** Of the split that is drawn when the data set has no validation split of its own. Default 42. */
  seed?: number;
  /** Share of that validation split, in [0, 1). Default 0.15 (transformers run_image_classification.py, train_val_split). */
  validationFraction?: number;
  /** The model's labels in its order: classes of the data set must be among them. */
  classes?: readonly string[];
  /** Train without these values of an attribute and validate on them: on all their labelled pictures outside the test split. */
  holdout?: Holdout;
  /** What a run kept out of training: of a data set without a validation split, that is its validation, if it has any of it. */
  keptOut?: Holdout | undefined;
  /** Keep only some samples, by attribute, after everything else. */
  where?: Where;
}

/** How train and validation are drawn apart where the data set has no validation split. */
export type Drawing = Pick<DatasetOptions, "seed" | "validationFraction" | "keptOut">;

/** Entry whose label is known. */
type Labelled = Entry & { label: string };

/**
 * Opens a folder of pictures: `root/{train,validation,test}/CLASS/…`, `root/CLASS/…` (a seeded, stratified split with
 * whole groups on one side), or a `metadata.csv`, `metadata.jsonl` or `manifest.csv` with `file_name` and, where it has
 * them, `label`, `split`, `group` and attributes. Pictures are not opened. Without a validation split, one is drawn from
 * train. Samples come by code point of their id.
 * @throws BeitError `dataset/missing`, `dataset/unreadable`, `dataset/no-images`, `dataset/one-class`,
 *   `dataset/empty-class`, `dataset/unknown-class`, `dataset/no-split`, `dataset/ambiguous-split`,
 *   `dataset/unknown-attribute`, and for metadata `dataset/bad-metadata`, `dataset/duplicate`, `dataset/missing-file`,
 *   `dataset/outside-root`.
 */
export async function openDataset(root: string, options: DatasetOptions = {}): Promise<Dataset> {
  const place = absolutePath(root);
  await requireFolder(place);
  const layout = await readLayout(place).catch(asUnreadable);
  layout.entries.sort((a, b) => compareCodePoints(a.id, b.id));
  const wanted = options.split ?? "all";
  const split = canonicalSplit(wanted) ?? wanted;
  const dataset =
    split === "unlabelled" ? openUnlabelled(place, layout, options) : await openLabelled(place, layout, split, options);
  return finish(dataset, options);
}

/**
 * Opens pictures to learn from without labels: all that the folder's metadata names, or else every picture in it, however
 * deep, of the split whose name a folder above it has. The test split stays out; `validation` is that split, or drawn from
 * the others where there is none.
 * @throws BeitError `dataset/missing`, `dataset/unreadable`, `dataset/no-images`, and for metadata as `openDataset`
 */
export async function openUnsupervised(
  root: string,
  { seed, validationFraction }: { readonly seed: number; readonly validationFraction: number },
): Promise<{ train: Sample[]; validation: Sample[] }> {
  const place = absolutePath(root);
  await requireFolder(place);
  const layout = await readLayout(place).catch(asUnreadable);
  const entries = layout.listed ? layout.entries : await everyPicture(place);
  const placed = entries
    .map((entry) => ({ ...sampleOf(entry, place, -1), split: entry.split }))
    .sort((a, b) => compareCodePoints(a.id, b.id));
  const own = placed.filter(({ split }) => split === "validation");
  const rest = placed.filter(({ split }) => split !== "validation" && split !== "test");
  const { train, validation } = own.length
    ? { train: rest, validation: own }
    : splitSamples(rest, validationFraction, seed);
  if (train.length === 0) throw new BeitError("dataset/no-images", `${root}: no pictures to learn from`);
  return { train, validation };
}

async function everyPicture(root: string): Promise<Entry[]> {
  const names = await walkFiles(root).catch(asUnreadable);
  const rest = { label: undefined, group: undefined, attributes: {} };
  return names.filter(isImageName).map((id) => ({ id, split: splitOfPath(id), ...rest }));
}

/** The split that a folder of a path is named after: the outermost such. */
function splitOfPath(id: string): string | undefined {
  for (const name of id.split("/").slice(0, -1)) {
    const split = canonicalSplit(name);
    if (split !== undefined) return split;
  }
  return undefined;
}

function openUnlabelled(root: string, layout: Layout, options: DatasetOptions): Dataset {
  const samples = layout.entries
    .filter(({ label, split }) => label === undefined && split !== "validation" && split !== "test")
    .map((entry) => sampleOf(entry, root, -1));
  const skipped = { notImages: layout.notImages, unlabelled: 0 };
  return { root, split: "unlabelled", classes: [...(options.classes ?? [])], samples, skipped };
}

async function openLabelled(root: string, layout: Layout, split: string, options: DatasetOptions): Promise<Dataset> {
  const labelled = layout.entries.filter((entry): entry is Labelled => entry.label !== undefined);
  const classes = await classesOf(root, new Set(labelled.map(({ label }) => label)), layout, options.classes);
  requireFullClasses(root, layout, split);
  const index = new Map(classes.map((name, i) => [name.normalize("NFC"), i]));
  const placed = labelled.map((entry) => ({ ...sampleOf(entry, root, index.get(entry.label)!), split: entry.split }));
  const samples = chooseSplit(placed, split, options, root).map(({ split: _, ...sample }) => sample);
  const unlabelled = layout.entries.filter(
    (entry) => entry.label === undefined && (split === "all" || entry.split === split),
  ).length;
  return { root, split, classes, samples, skipped: { notImages: layout.notImages, unlabelled } };
}

async function requireFolder(root: string): Promise<void> {
  const kind = await pathKind(root).catch(asUnreadable);
  if (kind === "folder") return;
  const what = kind === "file" ? "is a file; a data set is a folder" : "no such folder";
  throw new BeitError("dataset/missing", `${root}: ${what} with one folder of pictures per class`);
}

function asUnreadable(error: unknown): never {
  if (error instanceof BeitError && error.code === "file/unreadable") {
    throw new BeitError("dataset/unreadable", error.message, { cause: error });
  }
  throw error;
}

function sampleOf({ id, group, attributes }: Entry, root: string, label: number): Sample {
  const sample: Sample = { path: absolutePath(id, root), id, label, attributes };
  if (group !== undefined) sample.group = group;
  return sample;
}

interface Placed extends Sample {
  split: string | undefined;
}

function chooseSplit(samples: Placed[], split: string, options: DatasetOptions, root: string): Placed[] {
  const of = (name: string) => samples.filter((sample) => (sample.split ?? "train") === name);
  if (split === "all") return samples;
  if (split === "train" || split === "validation") {
    if (options.holdout) return chooseHeldOut(samples, split, options.holdout);
    const drawn = of("validation").length === 0 && of("train").length > 0;
    const keptOut = drawn ? presentOf(options.keptOut, samples) : undefined;
    if (keptOut) return chooseHeldOut(samples, split, keptOut);
    if (drawn) return splitSamples(of("train"), options.validationFraction ?? 0.15, options.seed ?? 42)[split];
  }
  const chosen = of(split);
  if (chosen.length > 0) return chosen;
  const names = [...new Set(samples.map((sample) => sample.split ?? "train"))].sort().join(", ");
  throw new BeitError("dataset/no-split", `${root}: has no labelled pictures of split ${split}; it has ${names}`);
}

/** What there is of values kept out, if anything. */
function presentOf(holdout: Holdout | undefined, samples: readonly Placed[]): Holdout | undefined {
  if (!holdout) return undefined;
  const { key } = holdout;
  const known = new Set(samples.flatMap(({ attributes, split }) => (split === "test" ? [] : [attributes[key] ?? ""])));
  const values = holdout.values.filter((value) => known.has(value));
  return values.length > 0 ? { key, values } : undefined;
}

function chooseHeldOut(samples: Placed[], split: "train" | "validation", holdout: Holdout): Placed[] {
  const notTest = samples.filter((sample) => sample.split !== "test");
  const { rest, held } = holdOut(notTest, holdout);
  return split === "validation" ? held : rest.filter((sample) => (sample.split ?? "train") === "train");
}

/** Applies `where`, then checks what is left. */
function finish(dataset: Dataset, options: DatasetOptions): Dataset {
  const samples = options.where ? selectSamples(dataset.samples, options.where) : dataset.samples;
  if (samples.length === 0) {
    const why = options.where ? `${dataset.samples.length} pictures, none of which the selection keeps` : "no pictures";
    throw new BeitError("dataset/no-images", `${dataset.root}: split ${dataset.split}: ${why}`);
  }
  if (!options.classes && (dataset.split === "train" || dataset.split === "all")) requireEveryClass(dataset, samples);
  return { ...dataset, samples };
}
