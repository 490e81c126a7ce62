import { bytesOfTensor } from "../checkpoint/bytes.ts";
import { npyHead } from "../checkpoint/npy.ts";
import { safetensorsHead } from "../checkpoint/safetensors.ts";
import { BeitError } from "../platform/errors.ts";
import { type AtomicFile, openFileAtomic } from "../platform/files.ts";
import { float32, nested } from "../tensor/tensor.ts";

/** The forms that features can be written in, by the extension of the file. */
export const featureFormats = ["parquet", "npy", "safetensors", "jsonl"] as const;
export type FeatureFormat = (typeof featureFormats)[number];

/** What a file of features holds. */
export interface FeatureTable {
  /** Of one picture's features. */
  readonly shape: readonly number[];
  /** Pictures that it will hold at most. */
  readonly most: number;
  /** What the features are, for whoever reads them. */
  readonly about: Readonly<Record<string, string>>;
}

/** A file of features that is written picture by picture; it appears whole on `commit` or not at all. */
export interface FeatureFile {
  add(name: string, features: Float32Array): Promise<void>;
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** The form that a path asks for. @throws BeitError `usage/format` */
export function featureFormatOf(path: string): FeatureFormat {
  const extension = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase();
  const format = featureFormats.find((known) => known === extension);
  if (format) return format;
  throw new BeitError("usage/format", `${path}: expected a name that ends in .${featureFormats.join(", .")}`);
}

/** Where the names of the pictures in an array file lie. */
export const namesPath = (path: string): string => `${path}.json`;

/**
 * Opens a file of features in the form that its name tells: `.parquet`, columns `file` and `features`; `.jsonl`, a line
 * `{file, features}` a picture; `.npy` and `.safetensors`, one float32 array [pictures, …shape] (the tensor `features`),
 * with the names in the same order in PATH.json.
 * @throws BeitError `usage/format`, `file/unwritable`, both here and from every later step
 */
export async function openFeatureFile(path: string, table: FeatureTable): Promise<FeatureFile> {
  const format = featureFormatOf(path);
  if (format === "npy" || format === "safetensors") return openArray(path, format, table);
  const file = await openFileAtomic(path);
  if (format === "jsonl") return jsonLines(file, table);
  const { parquetTable } = await import("./parquet.ts");
  return parquetTable(file, table);
}

/** The fewest digits that tell every float32 exactly. */
const nineDigits = (value: number): number => Number(value.toPrecision(9));

function jsonLines(file: AtomicFile, { shape }: FeatureTable): FeatureFile {
  return {
    add: (name, row) => file.write(`${JSON.stringify({ file: name, features: nested(row, shape, nineDigits) })}\n`),
    commit: () => file.commit(),
    discard: () => file.discard(),
  };
}

async function openArray(path: string, format: "npy" | "safetensors", table: FeatureTable): Promise<FeatureFile> {
  const { shape, most, about } = table;
  const head = (count: number, least?: number) =>
    format === "npy"
      ? npyHead([count, ...shape], least)
      : safetensorsHead("features", { dtype: "float32", shape: [count, ...shape] }, { format: "pt", ...about }, least);
  const names = await openFileAtomic(namesPath(path));
  const file = await openFileAtomic(path).catch(async (error: unknown) => {
    await names.discard();
    throw error;
  });
  const first = head(most); // long enough for any count
  await file.write(first);
  await names.write(
    `{${Object.entries(about)
      .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)},`)
      .join("")}"files":[`,
  );
  let count = 0;
  return {
    async add(name, row) {
      await names.write(`${count === 0 ? "" : ","}\n${JSON.stringify(name)}`);
      await file.write(bytesOfTensor(float32(row, shape)));
      count++;
    },
    async commit() {
      await names.write("\n]}\n");
      await file.overwrite(0, head(count, first.length));
      await names.commit();
      await file.commit();
    },
    async discard() {
      await names.discard();
      await file.discard();
    },
  };
}
