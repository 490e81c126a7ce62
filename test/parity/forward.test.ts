import { describe, expect, it } from "vitest";
import { parseConfig, taskOf } from "../../src/beit/config.ts";
import { traceOutputs } from "../../src/beit/outputs.ts";
import { readForwardInputs } from "../../src/evaluate/forward-inputs.ts";
import { fold } from "../../src/graph/fold.ts";
import { lower } from "../../src/graph/lower.ts";
import type { Value } from "../../src/graph/value.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, int64, type Tensor } from "../../src/tensor/tensor.ts";
import { type GoldenCase, goldenCase, goldenCases, hashValues, relativeError, worstExcess } from "./golden.ts";

/** Runs a golden case with every output that its expectation names. */
async function run(golden: GoldenCase, pass: (outputs: Record<string, Value>) => Record<string, Value>) {
  const classes = golden.meta.weights["classifier.weight"]?.shape[0]; // configurations without id2label leave it to the head
  const config = parseConfig({ ...(classes && { num_labels: classes }), ...(golden.config as object) }, golden.name);
  const task = taskOf(golden.config)!;
  const given: Record<string, Tensor> = Object.fromEntries(golden.inputs);
  if (!given.pixel_values) {
    const shape = [1, 3, ...config.imageSize];
    given.pixel_values = float32(
      hashValues(`${golden.name}:pixel_values`, 3 * config.imageSize[0] * config.imageSize[1], 1, 0),
      shape,
    );
  }
  const inputs = readForwardInputs(new Map(Object.entries(given)), { config, task });
  const { trace, outputs } = traceOutputs(config, task, inputs);
  const feeds: Record<string, Tensor> = { ...inputs.feeds };
  for (const [name, value] of trace.parameters) {
    const { shape, scale, offset } = golden.meta.weights[name] ?? { shape: [], scale: 0, offset: 0 };
    feeds[name] =
      golden.weights?.get(name) ??
      float32(
        hashValues(
          `${golden.name}:${name}`,
          value.shape.reduce((a, b) => a * b, 1),
          scale,
          offset,
        ),
        shape,
      );
  }
  const wanted = Object.fromEntries(Object.entries(outputs).filter(([name]) => golden.expected.has(name)));
  const passed = pass(wanted);
  const results = await evaluate(passed, feeds);
  return results;
}

const variants: Record<string, (outputs: Record<string, Value>) => Record<string, Value>> = {
  "plain graph": (outputs) => outputs,
  "folded and lowered graph": (outputs) => lower(fold(outputs)),
};

for (const [variant, pass] of Object.entries(variants)) {
  describe(`golden tiny cases, ${variant}`, () => {
    it.each(goldenCases(/^(cls_|interp_(?!tables)|mim_)/))("%s", async (name) => {
      const golden = goldenCase(name);
      const results = await run(golden, pass);
      const checked = Object.keys(results);
      expect(checked).toContain("logits");
      expect(checked.filter((key) => key.startsWith("grad.")).length).toBeGreaterThan(20);
      for (const [key, { data, shape }] of golden.expected) {
        expect(results[key], key).toBeDefined();
        expect(results[key]!.shape, key).toEqual(shape);
        const actual = results[key]!.data as Float32Array;
        if (key.startsWith("grad.")) expect(relativeError(actual, data as Float32Array), key).toBeLessThan(1e-5);
        else expect(worstExcess(actual, data as Float32Array, 1e-4), key).toBeLessThan(1e-5);
      }
    });
  });
}

/** golden base224 files hold selected rows, norms and means of a BEiT-base with hash weights. */
describe("golden base224", () => {
  const compare = (results: Record<string, Tensor>, golden: GoldenCase, names: Record<string, string>) => {
    for (const [name, expected] of Object.entries(names)) {
      const { data } = golden.expected.get(expected)!;
      const actual = (results[name]!.data as Float32Array).subarray(0, data.length);
      expect(worstExcess(actual, data as Float32Array, 1e-4), name).toBeLessThan(1e-4);
    }
  };

  it("classification", async () => {
    const golden = goldenCase("base224_cls");
    const labels = int64([7], [1]); // meta.json label_for_loss
    const results = await run({ ...golden, inputs: new Map([["labels", labels]]) }, (outputs) => lower(fold(outputs)));
    compare(results, golden, { logits: "logits", loss: "loss", pooled_output: "pooled_output" });
  });

  it("masked image modelling", async () => {
    const golden = goldenCase("base224_mim");
    const inputs = new Map(golden.inputs).set("labels", golden.inputs.get("token_ids")!);
    const expected = new Map(golden.expected).set("masked_logits", golden.expected.get("masked_logits_first8")!);
    const results = await run({ ...golden, inputs, expected }, (outputs) => lower(fold(outputs)));
    compare(results, golden, { masked_logits: "masked_logits_first8", loss: "loss" });
  });
});
