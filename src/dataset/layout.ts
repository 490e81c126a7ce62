import { BeitError } from "../platform/errors.ts";
import { type FolderEntry, listFolder, walkFiles } from "../platform/folders.ts";
import { isImageName } from "./images.ts";
import { canonicalSplit, type Entry, metadataNames, readMetadata, unlabelledName } from "./metadata.ts";

/** What lies in a data set's folder, before any split is chosen. */
export interface Layout {
  entries: Entry[];
  /** Files without a picture's extension. */
  notImages: number;
  /** Class folders without a picture. */
  emptyClasses: { split: string | undefined; folder: string }[];
  /** Whether metadata says which files belong. */
  listed: boolean;
}

const notClasses = /^(unlabel+ed|__MACOSX)$/i; // pictures for pre-training; what zip files from a Mac carry along

/**
 * Reads a data set's folder in one of its layouts: metadata in the root, or `SPLIT/CLASS/…` with or without metadata in
 * the split folders, or `CLASS/…`. Where there is metadata, it alone says which files belong.
 * @param root absolute path
 * @throws BeitError `dataset/ambiguous-split` when two folders mean one split; `file/unreadable`; see {@link readMetadata}.
 */
export async function readLayout(root: string): Promise<Layout> {
  const names = await listFolder(root);
  const metadata = metadataIn(names);
  if (metadata)
    return { ...(await readMetadata({ root, folder: "", name: metadata })), emptyClasses: [], listed: true };
  const folders = names.filter(({ kind }) => kind === "folder").map(({ name }) => name);
  const splits = splitFolders(root, folders);
  const parts =
    splits.size > 0
      ? await Promise.all([...splits].map(([split, name]) => readSplit(root, split, name)))
      : [await readClasses(root, "", undefined)];
  const unlabelled = folders.find((name) => unlabelledName.test(name));
  if (unlabelled) parts.push(await readFolder(root, `${unlabelled}/`, undefined, "unlabelled"));
  return {
    entries: parts.flatMap(({ entries }) => entries),
    notImages: parts.reduce((sum, part) => sum + part.notImages, 0),
    emptyClasses: parts.flatMap(({ emptyClasses }) => emptyClasses),
    listed: parts.some(({ listed }) => listed),
  };
}

function metadataIn(names: readonly FolderEntry[]): string | undefined {
  return metadataNames.find((wanted) => names.some(({ name, kind }) => name === wanted && kind === "file"));
}

function splitFolders(root: string, folders: readonly string[]): Map<string, string> {
  const splits = new Map<string, string>();
  for (const name of folders) {
    const split = canonicalSplit(name);
    if (split === undefined) continue;
    const other = splits.get(split);
    if (other)
      throw new BeitError("dataset/ambiguous-split", `${root}: ${other} and ${name} both mean ${split}; keep one`);
    splits.set(split, name);
  }
  return splits;
}

async function readSplit(root: string, split: string, name: string): Promise<Layout> {
  const metadata = metadataIn(await listFolder(`${root}/${name}`));
  if (!metadata) return readClasses(root, `${name}/`, split);
  return {
    ...(await readMetadata({ root, folder: `${name}/`, name: metadata, split })),
    emptyClasses: [],
    listed: true,
  };
}

/** Every folder in `prefix` is a class. */
async function readClasses(root: string, prefix: string, split: string | undefined): Promise<Layout> {
  const names = await listFolder(`${root}/${prefix}`);
  const layout: Layout = {
    entries: [],
    notImages: names.filter(({ kind }) => kind === "file").length,
    emptyClasses: [],
    listed: false,
  };
  for (const { name, kind } of names) {
    if (kind === "file" || notClasses.test(name)) continue;
    const found = await readFolder(root, `${prefix}${name}/`, name.normalize("NFC"), split);
    for (const entry of found.entries) layout.entries.push(entry);
    layout.notImages += found.notImages;
    if (found.entries.length === 0) layout.emptyClasses.push({ split, folder: `${prefix}${name}` });
  }
  return layout;
}

async function readFolder(
  root: string,
  prefix: string,
  label: string | undefined,
  split: string | undefined,
): Promise<Layout> {
  const names = await walkFiles(`${root}/${prefix}`);
  const images = names.filter(isImageName);
  const attributes: Record<string, string> = split === undefined ? {} : { split };
  const entries = images.map((name) => ({
    id: prefix + name,
    label,
    split,
    group: undefined,
    attributes: { ...attributes },
  }));
  return { entries, notImages: names.length - images.length, emptyClasses: [], listed: false };
}
