import { readJson } from "#platform/files";
import { pathKind } from "#platform/folders";
import { BeitError } from "../platform/errors.ts";
import { isRecord, show } from "./json.ts";

/** Files that hold a model's weights, or say which do; the first one that is there counts. */
export const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
] as const;

/** Names of files of weights. */
export const WEIGHTS_FILE = /\.(safetensors|bin|pth|pt|pkl)$/i;

/** A key in config.json and in the metadata of the weights written with it, equal when they belong together. */
export const SAVE_ID = "beit_save_id";

/**
 * The files with the weights of a model folder: one, or an index and its shards.
 * @throws BeitError `checkpoint/no-weights`, `checkpoint/bad-index`, `file/unreadable`, `file/not-json`
 */
export async function weightFiles(folder: string): Promise<string[]> {
  for (const file of WEIGHTS) {
    const path = `${folder}/${file}`;
    if ((await pathKind(path)) === undefined) continue;
    if (!file.endsWith(".index.json")) return [path];
    return [path, ...[...new Set((await readIndex(path)).values())].map((shard) => `${folder}/${shard}`)];
  }
  throw new BeitError("checkpoint/no-weights", `${folder}: expected one of ${WEIGHTS.join(", ")}, found none of them`);
}

/**
 * `weight_map`, the file of every tensor, each checked to be the plain name of a file beside the index.
 * @throws BeitError `checkpoint/bad-index`, `file/unreadable`, `file/not-json`
 */
export async function readIndex(path: string): Promise<Map<string, string>> {
  const index = await readJson(path);
  const map = isRecord(index) ? index.weight_map : undefined;
  if (!isRecord(map)) throw badIndex(path, "it has no weight_map");
  return new Map(
    Object.entries(map).map(([name, file]) => {
      if (typeof file === "string" && /^[\w-][\w.-]*$/.test(file) && WEIGHTS_FILE.test(file)) return [name, file];
      throw badIndex(path, `${show(name)} should be in a file of weights beside the index, not in ${show(file)}`);
    }),
  );
}

/** An index that cannot be right. */
export function badIndex(path: string, reason: string): BeitError {
  return new BeitError("checkpoint/bad-index", `${path}: ${reason}`);
}
