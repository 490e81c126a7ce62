import { readFile, readJson, readText, writeFileAtomic } from "#platform/files";
import { pathKind } from "#platform/folders";
import { BeitError } from "../platform/errors.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import { random } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { asDType, type FloatDType } from "./dtype.ts";
import { isRecord, show } from "./json.ts";
import { type NamedCheckpoint, toHuggingFace } from "./names.ts";
import { parsePytorch } from "./pytorch.ts";
import { parseSafetensors, serializeSafetensors } from "./safetensors.ts";
import { badIndex, readIndex, SAVE_ID, WEIGHTS, WEIGHTS_FILE, weightFiles } from "./weight-files.ts";

/** What a model folder holds beside its weights. */
export const WRITTEN_FIRST = ["config.json", "preprocessor_config.json", "README.md"] as const;

/** A model as read from disk. */
export interface ModelFolder extends Omit<NamedCheckpoint, "dropped"> {
  /** Content of config.json; undefined for a single file of weights. */
  config: unknown;
  /** Content of preprocessor_config.json, where there is one. */
  processor: unknown | undefined;
  /** The files read. */
  files: string[];
  /** The model card, README.md. */
  card?: string;
}

/** What a model folder is written from. */
export interface ModelFolderContent {
  config: unknown;
  processor?: unknown;
  /** By Hugging Face's on-disk names. */
  tensors: ReadonlyMap<string, Tensor>;
  card?: string;
  /** What floating-point tensors are stored as; as they are when absent. `config.torch_dtype` is the caller's. */
  dtype?: FloatDType;
  /** More files, by path inside the folder with forward slashes, e.g. "onnx/model.onnx". */
  extra?: Readonly<Record<string, string | Uint8Array | Iterable<Uint8Array>>>;
}

/** Tensors by their own names, and what the file says of itself. */
interface Weights {
  tensors: Map<string, Tensor>;
  metadata: Record<string, string>;
  files: string[];
}

/** A model as it is stored: tensors under the names and in the dtype of the file. */
export interface StoredModel extends Pick<ModelFolder, "config" | "processor" | "files" | "card"> {
  tensors: Map<string, Tensor>;
}

/**
 * Reads a model folder as transformers writes it (`model.safetensors`, or its shards, or `pytorch_model.bin`, or its
 * shards, whichever comes first), or a single file of weights. Tensors come under Hugging Face's names, in the dtype of the
 * file.
 * @throws BeitError as {@link readStored} does
 */
export async function readFolder(path: string): Promise<ModelFolder> {
  const { tensors, ...stored } = await readStored(path);
  return { ...stored, ...withoutDropped(toHuggingFace(tensors)) };
}

/**
 * The same without regard to whose names the tensors have.
 * @throws BeitError `checkpoint/no-weights`, `checkpoint/bad-index`, `checkpoint/torn` when a save was interrupted between
 * config.json and the weights, `file/unreadable`, `file/not-json`, and what reading the weights throws.
 */
export async function readStored(path: string): Promise<StoredModel> {
  if (WEIGHTS_FILE.test(path) && (await pathKind(path)) !== "folder") {
    const { tensors, files } = await readWeightsFile(path);
    return { config: undefined, processor: undefined, tensors, files };
  }
  const folder = withoutEndSlash(path);
  const [configFile, processorFile, cardFile] = WRITTEN_FIRST.map((file) => `${folder}/${file}`) as [
    string,
    string,
    string,
  ];
  const config = await readJson(configFile);
  const hasProcessor = (await pathKind(processorFile)) === "file";
  const hasCard = (await pathKind(cardFile)) === "file";
  const processor = hasProcessor ? await readJson(processorFile) : undefined;
  const card = hasCard ? await readText(cardFile) : undefined;
  const weights = await readWeights(folder);
  return {
    config: withoutSaveId(config, weights, folder),
    processor,
    tensors: weights.tensors,
    files: [configFile, ...(hasProcessor ? [processorFile] : []), ...(hasCard ? [cardFile] : []), ...weights.files],
    ...(card === undefined ? {} : { card }),
  };
}

/** Whether a folder holds a model, or a part of one. @throws BeitError `file/unreadable` */
export async function holdsModel(path: string): Promise<boolean> {
  const kinds = await Promise.all(["config.json", ...WEIGHTS].map((file) => pathKind(`${path}/${file}`)));
  return kinds.some((kind) => kind !== undefined);
}

function withoutDropped({ dropped: _, ...named }: NamedCheckpoint): Omit<NamedCheckpoint, "dropped"> {
  return named;
}

async function readWeights(folder: string): Promise<Weights> {
  const [first, ...shards] = (await weightFiles(folder)) as [string, ...string[]];
  return shards.length > 0 ? readShards(folder, first) : readWeightsFile(first);
}

async function readWeightsFile(path: string): Promise<Weights> {
  const bytes = await readFile(path);
  const content = path.toLowerCase().endsWith(".safetensors")
    ? parseSafetensors(bytes, path)
    : { tensors: parsePytorch(bytes, path), metadata: {} };
  return { ...content, files: [path] };
}

/** The shards of an index, each holding just the tensors that the index says it holds. */
async function readShards(folder: string, indexPath: string): Promise<Weights> {
  const fileOf = await readIndex(indexPath);
  const tensors = new Map<string, Tensor>();
  const files = [...new Set(fileOf.values())];
  for (const file of files) {
    const shard = await readWeightsFile(`${folder}/${file}`);
    for (const [name, tensor] of shard.tensors) {
      if (fileOf.get(name) !== file)
        throw badIndex(indexPath, `${file} holds ${show(name)}, which the index does not place there`);
      tensors.set(name, tensor);
    }
  }
  const absent = [...fileOf].find(([name]) => !tensors.has(name));
  if (absent) throw badIndex(indexPath, `${show(absent[0])} is not in ${absent[1]}`);
  return { tensors, metadata: {}, files: [indexPath, ...files.map((file) => `${folder}/${file}`)] };
}

/**
 * Writes a model folder that transformers and transformers.js load. Each file appears whole or not at all, the weights
 * last, so a new folder without weights is an unfinished one. Over an older model, a save cut off before the weights would
 * leave new labels with old weights: config.json and the weights carry the id of their save, and {@link readFolder} refuses
 * two that differ.
 * @throws BeitError `checkpoint/bad-path` for an extra file outside the folder or in the place of another,
 * `checkpoint/bad-tensor`, `file/unwritable`.
 */
export async function writeFolder(path: string, content: ModelFolderContent): Promise<void> {
  const { config, processor, tensors, card, dtype, extra = {} } = content;
  checkExtra(Object.keys(extra));
  const id = saveId(config, processor);
  const converted = [...tensors].map(([name, tensor]): [string, Tensor] => [
    name,
    dtype ? asDType(tensor, dtype) : tensor,
  ]);
  const parts = serializeSafetensors(converted, { format: "pt", ...(isRecord(config) ? { [SAVE_ID]: id } : {}) });
  await writeFileAtomic(`${path}/config.json`, json(isRecord(config) ? { ...config, [SAVE_ID]: id } : config));
  if (processor !== undefined) await writeFileAtomic(`${path}/preprocessor_config.json`, json(processor));
  if (card !== undefined) await writeFileAtomic(`${path}/README.md`, card);
  for (const [file, data] of Object.entries(extra)) await writeFileAtomic(`${path}/${file}`, data);
  await writeFileAtomic(`${path}/model.safetensors`, parts);
}

function checkExtra(files: readonly string[]): void {
  for (const file of files) {
    const inside =
      file.split("/").every((part) => part !== "" && part !== "." && part !== "..") && !/[\\:\0]/.test(file);
    const taken = [...WRITTEN_FIRST, ...WEIGHTS].some((own) => own === file);
    if (inside && !taken) continue;
    throw new BeitError(
      "checkpoint/bad-path",
      `extra file ${show(file)}: expected a path inside the model folder that is not one of its own files`,
    );
  }
}

/** The same for the same configuration: mixing two saves of one configuration does no harm. */
function saveId(config: unknown, processor: unknown): string {
  return random(json(config), processor === undefined ? "" : json(processor))
    .bits()
    .toString(16)
    .padStart(8, "0");
}

function withoutSaveId(config: unknown, { metadata }: Weights, folder: string): unknown {
  if (!isRecord(config) || !Object.hasOwn(config, SAVE_ID)) return config;
  const { [SAVE_ID]: id, ...rest } = config;
  const other = Object.hasOwn(metadata, SAVE_ID) ? metadata[SAVE_ID] : id;
  if (id === other) return rest;
  throw new BeitError(
    "checkpoint/torn",
    `${folder}: config.json and the weights are of two saves (${show(id)}, ${show(other)}): a save was interrupted; save the model again`,
  );
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
