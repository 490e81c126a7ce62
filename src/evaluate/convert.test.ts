import { describe, expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { defaultProcessor } from "../image/processor.ts";
import { float32 } from "../tensor/tensor.ts";
import { modelFolderContent, storedDType, withImageSize } from "./convert.ts";
import { type Model, parameterShapes } from "./model.ts";

const config = {
  ...presets.tiny,
  hiddenSize: 8,
  numLayers: 1,
  numHeads: 2,
  intermediateSize: 8,
  imageSize: [32, 32] as const,
  patchSize: 8,
  labels: ["a", "b"],
};
const model: Model = {
  name: "m",
  config,
  task: "classification",
  processor: defaultProcessor(32),
  parameters: initialValues(parameterShapes(config, "classification"), { law: "finetune", seed: 1 }),
  source: { format: "huggingface", files: [], dtypes: ["float32"], unused: [], card: "# A card" },
};

const stored = (...dtypes: Model["source"]["dtypes"]) => storedDType({ ...model, source: { ...model.source, dtypes } });

describe("storedDType", () => {
  it("keeps half precision; anything else becomes float32", () => {
    expect([stored("float16"), stored("bfloat16"), stored("float64"), stored("float16", "float32")]).toEqual([
      "float16",
      "bfloat16",
      "float32",
      "float32",
    ]);
  });
});

describe("withImageSize", () => {
  it("has the parameters that a model of that size has, and a processor that makes its inputs", () => {
    const resized = withImageSize(model, [48, 48]);
    const shapes = [...resized.parameters].map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual([...parameterShapes(resized.config, "classification")].map(([n, { shape }]) => [n, shape]));
    expect(resized.processor.resize).toEqual({ height: 48, width: 48 });
    expect(resized.parameters.get("classifier.weight")).toBe(model.parameters.get("classifier.weight"));
  });

  it("refuses a size that patches do not fill", () => {
    expect(() => withImageSize(model, [33, 33])).toThrow("m: image height 33 px is not a multiple of patch size 8 px");
  });
});

describe("modelFolderContent", () => {
  it("names the precision and keeps card and labels", () => {
    expect(modelFolderContent(model, "bfloat16")).toMatchObject({
      config: { torch_dtype: "bfloat16", image_size: 32, id2label: { 0: "a", 1: "b" } },
      processor: { size: { height: 32, width: 32 } },
      dtype: "bfloat16",
      card: "# A card",
    });
  });

  it("refuses to turn large numbers into infinity", () => {
    const large = new Map(model.parameters).set("classifier.bias", float32([1, -65520], [2]));
    expect(() => modelFolderContent({ ...model, parameters: large }, "float16")).toThrow(
      "m: classifier.bias holds -65520, beyond float16's 65504; bfloat16 can hold it",
    );
    expect(modelFolderContent({ ...model, parameters: large }, "bfloat16").dtype).toBe("bfloat16");
  });
});
