import { BeitError } from "../platform/errors.ts";
import type { DataOf, DType, Tensor } from "../tensor/tensor.ts";
import { allocate, rows } from "./bytes.ts";
import { show } from "./json.ts";

/** Whose names a checkpoint uses: Hugging Face's on disk, unilm's, timm's, or Hugging Face v5's in memory. */
export type CheckpointFormat = "huggingface" | "unilm" | "timm" | "huggingface-v5";

/** A checkpoint under Hugging Face's names. */
export interface NamedCheckpoint {
  /** In the order of the source. Names that no rule knows are kept as they were. */
  tensors: Map<string, Tensor>;
  format: CheckpointFormat;
  /** LayerNorm's epsilon where the format implies one; else it is config.json's. */
  layerNormEps?: number;
  /** Names left out: buffers that follow from the configuration. */
  dropped: string[];
}

/** Begins of names here and in Hugging Face's layout; those of `inBlock` come after the block's own prefix. */
interface Naming {
  block: string;
  inBlock: readonly (readonly [string, string])[];
  outside: readonly (readonly [string, string])[];
}

const HF_BLOCK = "beit.encoder.layer.";
const ATTENTION = "attention.attention.";
const TABLE = "relative_position_bias_table";
const UNILM_LAYER_NORM_EPS = 1e-6; // unilm beit/modeling_finetune.py and timm 0.6.13 beit.py: partial(nn.LayerNorm, eps=1e-6)
const BUFFER = /(^|\.)relative_position_index$/; // computed from the window, stored by unilm and by transformers <= 4.42

// transformers v4.30.2 convert_beit_unilm_to_pytorch.py, create_rename_keys and read_in_q_k_v
const unilm: Naming = {
  block: "blocks.",
  inBlock: [
    ["norm1.", "layernorm_before."],
    ["norm2.", "layernorm_after."],
    ["attn.q_bias", `${ATTENTION}query.bias`],
    ["attn.v_bias", `${ATTENTION}value.bias`],
    [`attn.${TABLE}`, `${ATTENTION}relative_position_bias.${TABLE}`],
    ["attn.proj.", "attention.output.dense."],
    ["mlp.fc1.", "intermediate.dense."],
    ["mlp.fc2.", "output.dense."],
    ["gamma_1", "lambda_1"],
    ["gamma_2", "lambda_2"],
  ],
  outside: [
    ["cls_token", "beit.embeddings.cls_token"],
    ["mask_token", "beit.embeddings.mask_token"],
    ["pos_embed", "beit.embeddings.position_embeddings"],
    ["patch_embed.proj.", "beit.embeddings.patch_embeddings.projection."],
    ["rel_pos_bias.", "beit.encoder.relative_position_bias."],
    ["fc_norm.", "beit.pooler.layernorm."],
    ["head.", "classifier."],
  ],
};

// transformers v5.15.0 modeling_beit.py: module names in memory
const version5: Naming = {
  block: "beit.layers.",
  inBlock: [
    ["layernorm_before.", "layernorm_before."],
    ["layernorm_after.", "layernorm_after."],
    ["lambda_1", "lambda_1"],
    ["lambda_2", "lambda_2"],
    ["attention.q_proj.", `${ATTENTION}query.`],
    ["attention.k_proj.", `${ATTENTION}key.`],
    ["attention.v_proj.", `${ATTENTION}value.`],
    ["attention.o_proj.", "attention.output.dense."],
    ["mlp.fc1.", "intermediate.dense."],
    ["mlp.fc2.", "output.dense."],
    ["relative_position_bias.", `${ATTENTION}relative_position_bias.`],
  ],
  outside: [["beit.shared_position_bias.", "beit.encoder.relative_position_bias."]],
};

/**
 * A checkpoint under Hugging Face's on-disk names, its format told by its names. unilm's and timm's are the same but for
 * what only unilm stores (mask_token, lm_head, index buffers); their joined qkv weight becomes three views. A bare BeitModel
 * gets the prefix `beit.`. Tensors are never copied.
 * @throws BeitError `checkpoint/bad-tensor` when two names become one, or a qkv weight does not fall into three.
 */
export function toHuggingFace(tensors: ReadonlyMap<string, Tensor>): NamedCheckpoint {
  const dropped = [...tensors.keys()].filter((name) => BUFFER.test(name));
  const kept = withPrefix([...tensors].filter(([name]) => !BUFFER.test(name)));
  const format = detect(tensors);
  if (format === "huggingface") return { tensors: collect(kept), format, dropped };
  if (format === "huggingface-v5") {
    return { tensors: collect(kept.map(([name, tensor]) => [toHf(name, version5), tensor])), format, dropped };
  }
  const naming = withFinalNorm(tensors.has("lm_head.weight"));
  const renamed = kept.flatMap(([name, tensor]): [string, Tensor][] => {
    if (name.endsWith(".attn.qkv.weight")) return splitQkv(name, tensor);
    return [[toHf(name, naming), tensor]];
  });
  return { tensors: collect(renamed), format, layerNormEps: UNILM_LAYER_NORM_EPS, dropped };
}

/**
 * A checkpoint of Hugging Face's on-disk names under unilm's, query, key and value joined into qkv (a copy of those).
 * @throws BeitError `checkpoint/bad-tensor` when query, key and value do not fit together, or for a tensor that has no
 * place in unilm's layout, such as a key's bias.
 */
export function toUnilm(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const naming = withFinalNorm(tensors.has("lm_head.weight"));
  const out: [string, Tensor][] = [];
  for (const [name, tensor] of tensors) {
    const [, prefix, part] =
      /^(.*)attention\.attention\.(query\.weight|key\.weight|value\.weight|key\.bias)$/.exec(name) ?? [];
    if (part === "key.bias")
      throw new BeitError("checkpoint/bad-tensor", `${name}: unilm's attention has no key bias, this one has`);
    if (prefix === undefined) out.push([unilmName(name, naming), tensor]);
    else if (part === "query.weight") {
      out.push([`${prefix.replace(HF_BLOCK, unilm.block)}attn.qkv.weight`, joinQkv(tensors, prefix)]);
    } else if (!tensors.has(`${prefix}${ATTENTION}query.weight`)) {
      throw new BeitError("checkpoint/bad-tensor", `${name}: there is no query weight to join it with`);
    }
  }
  return collect(out);
}

function detect(tensors: ReadonlyMap<string, Tensor>): CheckpointFormat {
  const names = [...tensors.keys()];
  if (tensors.has("patch_embed.proj.weight") || names.some((name) => /^blocks\.\d+\.(attn|norm1)\./.test(name))) {
    const onlyUnilm = names.some((name) => name === "mask_token" || name.startsWith("lm_head.") || BUFFER.test(name));
    return onlyUnilm ? "unilm" : "timm";
  }
  const isVersion5 = names.some((name) =>
    /^(beit\.)?(layers\.\d+\.attention\.[qkvo]_proj|shared_position_bias)\./.test(name),
  );
  return isVersion5 ? "huggingface-v5" : "huggingface";
}

/** A bare BeitModel's names begin where those of a model with a head go on after `beit.`. */
function withPrefix(named: readonly [string, Tensor][]): [string, Tensor][] {
  if (!named.some(([name]) => name.startsWith("embeddings."))) return [...named];
  const inModel = /^(embeddings|encoder|layers|layernorm|pooler|shared_position_bias)\./;
  return named.map(([name, tensor]) => [inModel.test(name) ? `beit.${name}` : name, tensor]);
}

/** unilm's `norm` is the MIM head's own norm in Hugging Face's layout, else that of the encoder with cls pooling. */
function withFinalNorm(isMaskedImageModel: boolean): Naming {
  return { ...unilm, outside: [...unilm.outside, ["norm.", isMaskedImageModel ? "layernorm." : "beit.layernorm."]] };
}

function toHf(name: string, { block, inBlock, outside }: Naming): string {
  return rename(name, block, HF_BLOCK, inBlock, outside);
}

function unilmName(name: string, { block, inBlock, outside }: Naming): string {
  const reversed = (pairs: Naming["inBlock"]) => pairs.map(([own, theirs]) => [theirs, own] as const);
  const renamed = rename(name, HF_BLOCK, block, reversed(inBlock), reversed(outside));
  if (renamed.startsWith("beit."))
    throw new BeitError("checkpoint/bad-tensor", `${name}: has no place in unilm's layout`);
  return renamed;
}

/** The name with its begin replaced: the block's prefix and what follows its number, or the first match outside of blocks. */
function rename(
  name: string,
  block: string,
  newBlock: string,
  inBlock: Naming["inBlock"],
  outside: Naming["outside"],
): string {
  const [, index, rest] = (name.startsWith(block) && /^(\d+\.)(.*)$/s.exec(name.slice(block.length))) || [];
  if (rest === undefined) return replaceBegin(name, outside) ?? name;
  const part = replaceBegin(rest, inBlock);
  return part === undefined ? name : `${newBlock}${index}${part}`;
}

function replaceBegin(name: string, pairs: readonly (readonly [string, string])[]): string | undefined {
  // A pair that ends with a dot names a module, any other a single tensor.
  const pair = pairs.find(([from]) => (from.endsWith(".") ? name.startsWith(from) : name === from));
  return pair && pair[1] + name.slice(pair[0].length);
}

/** qkv.weight [3D, D] as query, key, value [D, D]. */
function splitQkv(name: string, tensor: Tensor): [string, Tensor][] {
  const [height = 0] = tensor.shape;
  const third = height / 3;
  if (tensor.shape.length !== 2 || !Number.isInteger(third)) {
    throw new BeitError("checkpoint/bad-tensor", `${name}: expected shape [3D, D], found ${show(tensor.shape)}`);
  }
  const prefix = name.slice(0, -"attn.qkv.weight".length).replace(unilm.block, HF_BLOCK) + ATTENTION;
  return ["query", "key", "value"].map((part, i) => [
    `${prefix}${part}.weight`,
    rows(tensor, i * third, (i + 1) * third),
  ]);
}

/** query, key, value [D, D] as qkv.weight [3D, D]. */
function joinQkv(tensors: ReadonlyMap<string, Tensor>, prefix: string): Tensor {
  const parts = ["query", "key", "value"].map((part) => tensors.get(`${prefix}${ATTENTION}${part}.weight`));
  const [query, key, value] = parts as [Tensor, Tensor | undefined, Tensor | undefined];
  const describe = (tensor: Tensor | undefined) => (tensor ? `${tensor.dtype} ${show(tensor.shape)}` : "nothing");
  if (!key || !value || new Set([query, key, value].map(describe)).size > 1 || query.shape.length !== 2) {
    const found = [query, key, value].map(describe).join(", ");
    throw new BeitError(
      "checkpoint/bad-tensor",
      `${prefix}attention: expected query, key and value weights of one dtype and shape, found ${found}`,
    );
  }
  const data = allocate(query.dtype, 3 * query.data.length);
  [query, key, value].forEach((part, i) => {
    setAt(data, part.data, i * query.data.length);
  });
  return { dtype: query.dtype, shape: [3 * query.shape[0]!, query.shape[1]!], data };
}

/** `target.set`, where both are known to be of one dtype. */
function setAt(target: DataOf[DType], source: DataOf[DType], offset: number): void {
  (target as Float32Array).set(source as Float32Array, offset);
}

function collect(named: readonly (readonly [string, Tensor])[]): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of named) {
    if (out.has(name))
      throw new BeitError("checkpoint/bad-tensor", `two tensors of the checkpoint are both ${show(name)}`);
    out.set(name, tensor);
  }
  return out;
}
