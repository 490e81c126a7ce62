import { describe, expect, it } from "vitest";
import { float32, type Tensor, zeros } from "../tensor/tensor.ts";
import { toHuggingFace, toUnilm } from "./names.ts";

const named = (...names: string[]) => new Map<string, Tensor>(names.map((name) => [name, zeros([1])]));
const renamed = (...names: string[]) => [...toHuggingFace(named(...names)).tensors.keys()];

describe("toHuggingFace", () => {
  it("tells the formats by their names", () => {
    const format = (...names: string[]) => toHuggingFace(named(...names)).format;
    expect(format("cls_token", "patch_embed.proj.weight", "head.weight")).toBe("timm");
    expect(format("cls_token", "patch_embed.proj.weight", "mask_token")).toBe("unilm");
    expect(format("blocks.0.norm1.weight", "lm_head.weight")).toBe("unilm");
    expect(format("blocks.0.norm1.weight", "blocks.0.attn.relative_position_index")).toBe("unilm");
    expect(format("beit.embeddings.cls_token", "beit.encoder.layer.0.lambda_1")).toBe("huggingface");
    expect(format("beit.embeddings.cls_token", "beit.layers.0.attention.q_proj.weight")).toBe("huggingface-v5");
    expect(format("blocks.group_1.block_1.id_path.w")).toBe("huggingface");
  });

  it("gives unilm's and timm's epsilon, and none for Hugging Face, whose config.json has it", () => {
    expect(toHuggingFace(named("patch_embed.proj.weight")).layerNormEps).toBe(1e-6);
    expect(toHuggingFace(named("beit.embeddings.cls_token")).layerNormEps).toBeUndefined();
  });

  it("splits qkv into views", () => {
    const qkv = float32([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [6, 2]);
    const { tensors } = toHuggingFace(
      new Map([
        ["patch_embed.proj.weight", zeros([1])],
        ["blocks.10.attn.qkv.weight", qkv],
      ]),
    );
    const part = (name: string) => tensors.get(`beit.encoder.layer.10.attention.attention.${name}.weight`);
    expect(part("query")).toEqual(float32([1, 2, 3, 4], [2, 2]));
    expect(part("key")).toEqual(float32([5, 6, 7, 8], [2, 2]));
    expect(part("value")).toEqual(float32([9, 10, 11, 12], [2, 2]));
    expect(part("value")!.data.buffer).toBe(qkv.data.buffer);
  });

  it("refuses a qkv that does not fall into three", () => {
    const tensors = new Map([
      ["patch_embed.proj.weight", zeros([1])],
      ["blocks.0.attn.qkv.weight", zeros([4, 2])],
    ]);
    expect(() => toHuggingFace(tensors)).toThrow("blocks.0.attn.qkv.weight: expected shape [3D, D], found [4, 2]");
  });

  it("puts unilm's norm where the head has it", () => {
    expect(renamed("patch_embed.proj.bias", "blocks.0.norm1.bias", "norm.weight", "lm_head.weight")).toContain(
      "layernorm.weight",
    );
    expect(renamed("blocks.0.norm1.bias", "norm.weight", "head.weight")).toEqual([
      "beit.encoder.layer.0.layernorm_before.bias",
      "beit.layernorm.weight",
      "classifier.weight",
    ]);
  });

  it("drops index buffers and says so", () => {
    const { tensors, dropped } = toHuggingFace(
      named("beit.embeddings.cls_token", "beit.encoder.relative_position_bias.relative_position_index"),
    );
    expect([...tensors.keys()]).toEqual(["beit.embeddings.cls_token"]);
    expect(dropped).toEqual(["beit.encoder.relative_position_bias.relative_position_index"]);
  });

  it("gives a bare BeitModel its prefix, in either generation of names", () => {
    expect(
      renamed("embeddings.cls_token", "encoder.layer.0.lambda_1", "layernorm.weight", "pooler.layernorm.bias"),
    ).toEqual([
      "beit.embeddings.cls_token",
      "beit.encoder.layer.0.lambda_1",
      "beit.layernorm.weight",
      "beit.pooler.layernorm.bias",
    ]);
    expect(
      renamed(
        "embeddings.cls_token",
        "layers.0.attention.q_proj.bias",
        "shared_position_bias.relative_position_bias_table",
      ),
    ).toEqual([
      "beit.embeddings.cls_token",
      "beit.encoder.layer.0.attention.attention.query.bias",
      "beit.encoder.relative_position_bias.relative_position_bias_table",
    ]);
  });

  it("keeps the top-level norm of a masked image model", () => {
    expect(renamed("beit.embeddings.cls_token", "layernorm.weight")).toEqual([
      "beit.embeddings.cls_token",
      "layernorm.weight",
    ]);
  });

  it("translates the names transformers v5 has in memory", () => {
    const block = [
      "layernorm_before.weight",
      "attention.q_proj.weight",
      "attention.k_proj.weight",
      "attention.v_proj.bias",
      "attention.o_proj.bias",
    ];
    const rest = ["mlp.fc1.weight", "mlp.fc2.bias", "lambda_2", "relative_position_bias.relative_position_bias_table"];
    expect(
      renamed(
        ...[...block, ...rest].map((name) => `beit.layers.11.${name}`),
        "beit.pooler.layernorm.weight",
        "lm_head.bias",
      ),
    ).toEqual([
      ...[
        "layernorm_before.weight",
        "attention.attention.query.weight",
        "attention.attention.key.weight",
        "attention.attention.value.bias",
        "attention.output.dense.bias",
        "intermediate.dense.weight",
        "output.dense.bias",
        "lambda_2",
        "attention.attention.relative_position_bias.relative_position_bias_table",
      ].map((name) => `beit.encoder.layer.11.${name}`),
      "beit.pooler.layernorm.weight",
      "lm_head.bias",
    ]);
  });

  it("keeps names it does not know", () => {
    const unknown = ["decode_head.bias", "blocks.0.attn.k_bias", "headdress.weight"];
    expect(renamed("patch_embed.proj.bias", ...unknown)).toEqual([
      "beit.embeddings.patch_embeddings.projection.bias",
      ...unknown,
    ]);
  });

  it("refuses two names that become one", () => {
    expect(() => renamed("cls_token", "patch_embed.proj.weight", "beit.embeddings.cls_token")).toThrow(
      'both "beit.embeddings.cls_token"',
    );
  });
});

describe("toUnilm", () => {
  const attention = "beit.encoder.layer.0.attention.attention.";

  it("joins query, key and value", () => {
    const tensors = new Map(
      ["value", "query", "key"].map((part, i): [string, Tensor] => [
        `${attention}${part}.weight`,
        float32([i, -i], [1, 2]),
      ]),
    );
    expect([...toUnilm(tensors)]).toEqual([["blocks.0.attn.qkv.weight", float32([1, -1, 2, -2, 0, -0], [3, 2])]]);
  });

  it.each([
    ["a key bias", [`${attention}key.bias`], "unilm's attention has no key bias"],
    ["a key without query", [`${attention}key.weight`], "there is no query weight to join it with"],
    ["a query alone", [`${attention}query.weight`], "found float32 [1], nothing, nothing"],
    [
      "both final norms",
      ["layernorm.bias", "beit.layernorm.bias", "lm_head.weight"],
      "beit.layernorm.bias: has no place",
    ],
  ])("refuses %s", (_, names, reason) => {
    expect(() => toUnilm(named(...names))).toThrow(reason);
  });
});
