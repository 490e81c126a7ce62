import { type CsvError, parse } from "csv-parse/sync";
import { BeitError } from "../platform/errors.ts";
import { readText } from "../platform/files.ts";
import { listFolder } from "../platform/folders.ts";
import { isImageName } from "./images.ts";

/** One row of a metadata file, or one picture found in a class folder. */
export interface Entry {
  /** Path relative to the root, forward slashes. */
  id: string;
  /** Class name; undefined when none is given. */
  label: string | undefined;
  /** Canonical split; undefined when none is given. */
  split: string | undefined;
  group: string | undefined;
  attributes: Record<string, string>;
}

/** Names a metadata file may have, in the order they are looked for. */
export const metadataNames = ["metadata.csv", "metadata.jsonl", "manifest.csv"] as const;

/** Where the rows of a metadata file stand. */
export interface MetadataPlace {
  /** Absolute path of the root. */
  root: string;
  /** Folder of the metadata file relative to the root: `""` or `"train/"`. */
  folder: string;
  /** The metadata file's name. */
  name: string;
  /** Rows' split when they name none; else it is their path's first folder if that is a split's name. */
  split?: string;
}

const splitAliases: Record<string, string> = {
  train: "train",
  training: "train",
  validation: "validation",
  val: "validation",
  valid: "validation",
  test: "test",
};

/** Folders of pictures for pre-training: no class, and a split of their own. */
export const unlabelledName = /^unlabel+ed$/i;

/** `"val"`, `"valid"` → `"validation"`; names that are no split's are undefined. */
export function canonicalSplit(name: string): string | undefined {
  return Object.hasOwn(splitAliases, name.toLowerCase()) ? splitAliases[name.toLowerCase()] : undefined;
}

/**
 * The pictures a metadata file names (`file_name`, and if it has them `label`, `split`, `group`; other columns become
 * attributes). A row without a label column takes its picture's folder, unless that is the metadata's own.
 * @throws BeitError `dataset/bad-metadata` (syntax, no file_name column or value), `dataset/outside-root`,
 *   `dataset/duplicate`, `dataset/missing-file`: each names the file and the row.
 */
export async function readMetadata(place: MetadataPlace): Promise<{ entries: Entry[]; notImages: number }> {
  const file = `${place.root}/${place.folder}${place.name}`;
  const text = await readText(file);
  const rows = place.name.endsWith(".csv") ? parseCsv(text, file) : parseJsonLines(text, file);
  const entries: Entry[] = [];
  const seen = new Map<string, number>();
  let notImages = 0;
  for (const [i, row] of rows.entries()) {
    const entry = entryOf(row, place, `${file}: row ${i + 1}`);
    const before = seen.get(entry.id);
    if (before !== undefined) {
      throw new BeitError(
        "dataset/duplicate",
        `${file}: rows ${before + 1} and ${i + 1} both name ${entry.id}; keep one`,
      );
    }
    seen.set(entry.id, i);
    if (isImageName(entry.id)) entries.push(entry);
    else notImages++;
  }
  await requireFiles(place.root, entries, (id) => `${file}: row ${seen.get(id)! + 1}`);
  return { entries, notImages };
}

function parseCsv(text: string, file: string): Record<string, string>[] {
  try {
    return parse(text, {
      columns: (names: string[]) => columnsOf(names, file),
      skip_empty_lines: true,
      trim: true,
    });
  } catch (error) {
    if (error instanceof BeitError) throw error;
    const { message, lines } = error as CsvError & { lines?: number };
    const where = lines === undefined ? file : `${file}: line ${lines}`;
    throw new BeitError("dataset/bad-metadata", `${where}: is not valid CSV: ${message}`, { cause: error });
  }
}

/** The names of columns; nameless ones, as spreadsheets leave at the end, are not read. Of two alike the last would win unseen. */
function columnsOf(names: readonly string[], file: string): (string | undefined)[] {
  const seen = new Set<string>();
  const twice = names.find((name) => name !== "" && seen.size === seen.add(name).size);
  if (twice === undefined) return names.map((name) => name || undefined);
  throw new BeitError("dataset/bad-metadata", `${file}: two columns are called ${JSON.stringify(twice)}; rename one`);
}

function parseJsonLines(text: string, file: string): Record<string, string>[] {
  const rows: Record<string, string>[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() !== "") rows.push(parseJsonRow(line, `${file}: line ${i + 1}`));
  }
  return rows;
}

function parseJsonRow(line: string, where: string): Record<string, string> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    throw new BeitError("dataset/bad-metadata", `${where}: is not valid JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new BeitError(
      "dataset/bad-metadata",
      `${where}: expected an object with file_name, got ${line.trim().slice(0, 60)}`,
    );
  }
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, textOf(value)]));
}

function textOf(value: unknown): string {
  if (value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function entryOf(row: Record<string, string>, place: MetadataPlace, where: string): Entry {
  const { file_name: fileName, label, split, group, ...attributes } = row;
  if (!fileName) {
    const columns = Object.keys(row).join(", ");
    throw new BeitError("dataset/bad-metadata", `${where}: has no file_name; its columns are ${columns}`);
  }
  const id = insideRoot(fileName, place.folder, where);
  const [top] = id.split("/") as [string, ...string[]];
  const unlabelled = label === undefined && unlabelledName.test(top) ? "unlabelled" : undefined;
  const named = split ? (canonicalSplit(split) ?? split) : (place.split ?? canonicalSplit(top) ?? unlabelled);
  if (named !== undefined) attributes.split = named;
  const name = label === undefined ? folderLabel(id, place.folder) : label;
  return {
    id,
    label: name === "" ? undefined : name?.normalize("NFC"),
    split: named,
    group: group || undefined,
    attributes,
  };
}

/** The folder a picture lies in, when that is neither the metadata's own nor a split's. */
function folderLabel(id: string, folder: string): string | undefined {
  if (!id.startsWith(folder)) return id.split("/").at(-2); // beside the metadata's folder, by way of ..
  const parts = id.slice(folder.length).split("/").slice(0, -1);
  const classes = folder === "" && canonicalSplit(parts[0] ?? "") ? parts.slice(1) : parts;
  return unlabelledName.test(classes[0] ?? "") ? undefined : classes[0];
}

/** The file's path relative to the root, `.` and `..` resolved. */
function insideRoot(fileName: string, folder: string, where: string): string {
  const slashed = fileName.replaceAll("\\", "/");
  const parts: string[] = folder.split("/").filter(Boolean);
  for (const part of slashed.split("/")) {
    const up = part === "..";
    if (slashed.startsWith("/") || /^[a-zA-Z]:/.test(slashed) || (up && parts.length === 0)) {
      throw new BeitError(
        "dataset/outside-root",
        `${where}: ${fileName} lies outside the data set's folder; use a path relative to it`,
      );
    }
    if (up) parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}

/** Lists each folder once instead of asking for each file. */
async function requireFiles(root: string, entries: readonly Entry[], where: (id: string) => string): Promise<void> {
  const folders = new Map<string, Set<string>>();
  for (const { id } of entries) {
    const slash = id.lastIndexOf("/");
    const folder = id.slice(0, Math.max(slash, 0));
    const names = folders.get(folder) ?? (await fileNames(`${root}/${folder}`));
    folders.set(folder, names);
    if (!names.has(id.slice(slash + 1))) {
      throw new BeitError("dataset/missing-file", `${where(id)} names ${id}, but ${root} has no such file`);
    }
  }
}

async function fileNames(folder: string): Promise<Set<string>> {
  const entries = await listFolder(folder).catch((error: unknown) => {
    const code = (error as { cause?: { code?: string } }).cause?.code;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  });
  return new Set(entries.filter(({ kind }) => kind === "file").map(({ name }) => name));
}
