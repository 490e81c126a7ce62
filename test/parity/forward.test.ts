import { describe, expect, it } from "vitest";
import { parseConfig, taskOf } from "../../src/beit/config.ts";
import { traceOutputs } from "../../src/beit/outputs.ts";
import { fold } from "../../src/graph/fold.ts";
import { lower } from "../../src/graph/lower.ts";
import type { Value } from "../../src/graph/value.ts";
import { evaluate } from "../../src/session/session.ts";
import { float32, int64, type Tensor } from "../../src/tensor/tensor.ts";
import { type GoldenCase, goldenCase, goldenCases, hashValues, relativeError, worstExcess } from "./golden.ts";

/** Runs a golden case with every output that its expectation names. */
async function run(golden: GoldenCase, pass: (outputs: Record<string, Value>) => Record<string, Value>) {
  const config = parseConfig(golden.config, golden.name);
  const task = taskOf(golden.config)!;
  const feeds: Record<string, Tensor> = Object.fromEntries(golden.inputs);
  if (!feeds.pixel_values) {
    const shape = [1, 3, ...config.imageSize];
    feeds.pixel_values = float32(hashValues(`${golden.name}:pixel_values`, 3 * config.imageSize[0] * config.imageSize[1], 1, 0), shape);
  }
  const [batch, , height, width] = feeds.pixel_values.shape as [number, number, number, number];
  const mask = feeds.bool_masked_pos;
  const rows: number[] = [];
  if (mask) {
    const patches = mask.shape[1]!;
    for (let b = 0; b < batch; b++) {
      for (let p = 0; p < patches; p++) if (Number(mask.data[b * patches + p])) rows.push(p * batch + b);
    }
    feeds.bool_masked_pos = float32(Float32Array.from(mask.data as Uint8Array, Number), mask.shape);
    feeds.masked_rows = int64(rows, [rows.length]);
  }
  if (feeds.labels) feeds.labels = int64(Array.from(feeds.labels.data as BigInt64Array, Number), feeds.labels.shape);
  const { trace, outputs } = traceOutputs(config, task, {
    batch,
    imageSize: [height, width],
    ...(feeds.labels ? { labels: "indices" as const } : {}),
    ...(mask ? { maskedCount: rows.length } : {}),
  });
  for (const [name, value] of trace.parameters) {
    const { shape, scale, offset } = golden.meta.weights[name] ?? { shape: [], scale: 0, offset: 0 };
    feeds[name] =
      golden.weights?.get(name) ??
      float32(hashValues(`${golden.name}:${name}`, value.shape.reduce((a, b) => a * b, 1), scale, offset), shape);
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
  it("classification: logits, argmax and loss", async () => {
    const golden = goldenCase("base224_cls");
    const results = await run(golden, (outputs) => lower(fold(outputs)));
    expect(worstExcess(results.logits!.data as Float32Array, golden.expected.get("logits")!.data as Float32Array, 1e-4)).toBeLessThan(1e-4);
  });
});
