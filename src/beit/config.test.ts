import { describe, expect, it } from "vitest";
import { parseConfig } from "./config.ts";

const refusal = (json: unknown) => {
  try {
    parseConfig(json, "config.json");
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
};

describe("parseConfig", () => {
  it("fills in Hugging Face's defaults and tolerates other keys", () => {
    const config = parseConfig({ hidden_size: 192, num_attention_heads: 3, torch_dtype: "float16" }, "config.json");
    expect(config).toMatchObject({ hiddenSize: 192, numLayers: 12, layerNormEps: 1e-12, imageSize: [224, 224] });
    expect(config.labels).toEqual(["LABEL_0", "LABEL_1"]);
  });

  it("takes sides as one number or two, null where Hugging Face writes it, labels by index", () => {
    const json = { image_size: [32, 64], patch_size: [16, 16], problem_type: null, id2label: { 1: "b", 0: "a" } };
    expect(parseConfig(json, "config.json")).toMatchObject({ imageSize: [32, 64], patchSize: 16, labels: ["a", "b"] });
  });

  it("refuses sizes beyond all that was ever published, before anything is made of them", () => {
    const reason = (json: object) => {
      try {
        return parseConfig(json, "c") && "none";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(reason({ num_labels: 3e8 })).toBe("c: num_labels 300000000: the limit is 100000");
    expect(reason({ num_hidden_layers: 20_000 })).toBe("c: num_hidden_layers 20000: the limit is 1000");
    expect(reason({ patch_size: 1 })).toBe("c: image_size and patch_size make 50176 patches: the limit is 16384");
    expect(reason({ image_size: 2048, num_hidden_layers: 40, num_labels: 21_841 })).toBe("none");
  });

  it("names the key, what was expected and what came", () => {
    expect([
      refusal([]),
      refusal({ hidden_size: "768" }),
      refusal({ num_channels: 0 }),
      refusal({ drop_path_rate: 1 }),
      refusal({ use_mask_token: null }),
      refusal({ image_size: [224] }),
      refusal({ patch_size: [16, 8] }),
      refusal({ id2label: { 0: 1 } }),
      refusal({ id2label: { 1: "a" } }),
      refusal({ problem_type: "ranking" }),
      refusal({ image_size: 100 }),
    ]).toMatchInlineSnapshot(`
      [
        "config.json: expected a JSON object, got []",
        "config.json: hidden_size: expected a whole number above 0, got "768"",
        "config.json: num_channels: expected a whole number above 0, got 0",
        "config.json: drop_path_rate: expected a number from 0 to below 1, got 1",
        "config.json: use_mask_token: expected true or false, got null",
        "config.json: image_size: expected a whole number above 0 or a list of two such, got [224]",
        "config.json: patch_size [16, 8]: only square patches are supported",
        "config.json: id2label: expected an object, every value a text, got {…}",
        "config.json: id2label has 1 entries but none for index 0",
        "config.json: problem_type: expected "regression" or "single_label_classification" or "multi_label_classification", got "ranking"",
        "config.json: image height 100 px is not a multiple of patch size 16 px",
      ]
    `);
  });
});
