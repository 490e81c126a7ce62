/** One picture of a data set. */
export interface Sample {
  /** Absolute. */
  path: string;
  /** Path relative to the root, forward slashes: the key that stays when the folder moves. */
  id: string;
  /** Index into the data set's classes; -1 unlabelled. */
  label: number;
  /** Pictures of one group (duplicates, one person, one scene) never lie on both sides of a split. */
  group?: string;
  /** The metadata's other columns: source, kind, split … */
  attributes: Record<string, string>;
}

/** Labelled pictures of one split. */
export interface Dataset {
  /** Absolute. */
  root: string;
  /** The split's canonical name: `"train"`, `"validation"`, `"test"`, `"all"` or one of the metadata's own. */
  split: string;
  /** Class names by code point, or in the order the model has them. */
  classes: string[];
  samples: Sample[];
  /** Files left out: without a picture's extension, and without a label. */
  skipped: { notImages: number; unlabelled: number };
}
