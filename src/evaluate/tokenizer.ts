import { checkParameters } from "../checkpoint/assign.ts";
import { readStored, writeFolder } from "../checkpoint/folder.ts";
import {
  checkDvaeConfig,
  type DvaeConfig,
  dvaePresets,
  MODEL_TYPE,
  parseDvaeConfig,
  serializeDvaeConfig,
} from "../dvae/config.ts";
import { type DvaePart, dvaeShapes } from "../dvae/outputs.ts";
import { BeitError } from "../platform/errors.ts";
import { pathKind } from "../platform/folders.ts";
import { withoutEndSlash } from "../platform/paths.ts";
import { float32, type Tensor } from "../tensor/tensor.ts";

/** An image tokenizer ready to be used. */
export interface TokenizerModel {
  readonly name: string;
  readonly config: DvaeConfig;
  /** Under `encoder.` and, where it is there, `decoder.`; names below are those of DALL-E's state dicts. */
  readonly parameters: ReadonlyMap<string, Tensor<"float32">>;
  /** The halves there are; visual tokens need the encoder alone. */
  readonly parts: readonly DvaePart[];
}

const ENCODER_FILE = "encoder.pkl"; // as DALL-E's weights are published
const DECODER_FILE = "decoder.pkl";

/** What was found on disk, before it is checked. */
interface Found {
  /** Content of config.json; undefined for DALL-E's files, which have none. */
  readonly config: unknown;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * Loads an image tokenizer: a folder with `config.json`, a folder with DALL-E's `encoder.pkl` and perhaps `decoder.pkl`, or
 * one file with the encoder's weights, be it a state dict or the pickled module.
 * @throws BeitError `model/missing`, `model/not-tokenizer`, and others when a file is missing or damaged or tensors do not
 * fit the configuration
 */
export async function loadTokenizer(path: string): Promise<TokenizerModel> {
  if ((await pathKind(path)) === undefined) {
    const expected = `expected a tokenizer's folder, or DALL-E's ${ENCODER_FILE}`;
    throw new BeitError("model/missing", `${path}: no such tokenizer; ${expected}`);
  }
  const { config: json, tensors } = await readTokenizer(path);
  checkFamily(json, path);
  const config = json ? parseDvaeConfig(json, `${path}/config.json`) : configFromEncoder(tensors, path);
  const hasDecoder = [...tensors.keys()].some((name) => name.startsWith("decoder."));
  const parts: DvaePart[] = hasDecoder ? ["encoder", "decoder"] : ["encoder"];
  const shapes = dvaeShapes(config, parts);
  const expected = [...shapes].map(([name, { shape }]) => ({ name, shape }));
  const { parameters } = checkParameters(expected, tensors, path);
  return {
    name: path,
    config,
    parts,
    parameters: new Map([...parameters].map(([name, data]) => [name, float32(data, shapes.get(name)!.shape)])),
  };
}

/** Writes a tokenizer's folder. @throws BeitError `file/unwritable` */
export const saveTokenizer = (path: string, { config, parameters }: Pick<TokenizerModel, "config" | "parameters">) =>
  writeFolder(path, { config: serializeDvaeConfig(config), tensors: parameters });

async function readTokenizer(path: string): Promise<Found> {
  const inside = withoutEndSlash(path);
  const isFolder = (await pathKind(path)) === "folder";
  if (isFolder && (await pathKind(`${inside}/config.json`)) !== undefined) return readStored(path);
  const encoder = isFolder ? `${inside}/${ENCODER_FILE}` : path;
  if ((await pathKind(encoder)) === undefined) {
    throw new BeitError("model/not-tokenizer", `${path}: expected config.json or ${ENCODER_FILE}, found neither`);
  }
  const decoder = `${inside}/${DECODER_FILE}`;
  const hasDecoder = isFolder && (await pathKind(decoder)) !== undefined;
  const tensors = [...(await halfOf(encoder, "encoder")), ...(hasDecoder ? await halfOf(decoder, "decoder") : [])];
  return { config: undefined, tensors: new Map(tensors) };
}

/** Tensors of one file under the name of their half, which a file of one half does not give. */
async function halfOf(file: string, part: DvaePart): Promise<(readonly [string, Tensor])[]> {
  const { tensors } = await readStored(file);
  const named = [...tensors.keys()].some((name) => name.startsWith("encoder."));
  return [...tensors].map(([name, tensor]) => [named ? name : `${part}.${name}`, tensor] as const);
}

/** @throws BeitError `model/not-tokenizer` when a `config.json` says that it is of another family */
function checkFamily(config: unknown, path: string): void {
  const type = (config as { model_type?: unknown } | null | undefined)?.model_type;
  if (config === undefined || type === MODEL_TYPE) return;
  const message = `${path}/config.json: model_type is ${JSON.stringify(type)}, expected "${MODEL_TYPE}"`;
  throw new BeitError("model/not-tokenizer", message);
}

/** The configuration that an encoder's tensors show. */
function configFromEncoder(tensors: ReadonlyMap<string, Tensor>, path: string): DvaeConfig {
  const shapeOf = (name: string) => tensors.get(name)?.shape;
  const [first, last] = [shapeOf("encoder.blocks.input.w"), shapeOf("encoder.blocks.output.conv.w")];
  if (first?.length !== 4 || last?.length !== 4) {
    const message = `${path}: expected the tensors blocks.input.w and blocks.output.conv.w of DALL-E's encoder`;
    throw new BeitError("model/not-tokenizer", message);
  }
  const blocks = [...tensors.keys()].map((name) => Number(/^encoder\..*\.block_(\d+)\./.exec(name)?.[1] ?? 0));
  const config: DvaeConfig = {
    ...dvaePresets.full,
    hiddenSize: first[0]!,
    numChannels: first[1]!,
    blocksPerGroup: Math.max(1, ...blocks),
    vocabSize: last[0]!,
    codeSize: shapeOf("decoder.blocks.input.w")?.[0] ?? dvaePresets.full.codeSize,
  };
  checkDvaeConfig(config, path);
  return config;
}
