import { describe, expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { initialValues } from "../beit/init.ts";
import { parameterShapes } from "../evaluate/model.ts";
import { random } from "../tensor/random.ts";
import { float32 } from "../tensor/tensor.ts";
import { fineTuneStep, microBatches } from "./fine-tune-step.ts";
import { share } from "./shared.ts";
import { createStepper } from "./stepper.ts";

const config = {
  ...presets.tiny,
  imageSize: [32, 32] as const,
  hiddenSize: 24,
  numLayers: 2,
  intermediateSize: 48,
  dropPath: 0,
  labels: ["no", "yes"],
};
const step = fineTuneStep(config, 1);
const stream = random("stepper");
const batch = {
  epoch: 0,
  first: 0,
  pixels: Float32Array.from({ length: 3 * 3 * 32 * 32 }, () => stream.normal()),
  labels: Int32Array.of(0, 1, 1),
};
const micros = microBatches(batch, step, { config, microBatch: 1, labelSmoothing: 0, seed: 1 });
const initial = initialValues(parameterShapes(config, "classification"), { law: "finetune", seed: 3, headScale: 1 });
const fresh = () => new Map([...initial].map(([name, { data, shape }]) => [name, float32(share(data), shape)]));

/** Loss and gradients summed over the micro-batches. */
async function run(workers: number, parameters: ReturnType<typeof fresh>, chosen = micros) {
  const stepper = await createStepper(step.graphs, step.inputs, parameters, { workers, threads: 1 });
  const { reports } = await stepper.step(chosen);
  await stepper.close();
  const [first, ...others] = stepper.gradients;
  const gradients = new Map(
    [...first].map(([name, { data }]) => [
      name,
      data.map((value, i) => others.reduce((sum, other) => sum + other.get(name)!.data[i]!, value)),
    ]),
  );
  return { loss: reports.reduce((sum, { loss }) => sum + loss![0]!, 0), gradients };
}

const largest = (data: Float32Array) => data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe("a step over threads", () => {
  it("adds the gradients of all micro-batches, however many workers share them", async () => {
    const parts = await Promise.all(micros.map((micro) => run(1, fresh(), [micro])));
    for (const workers of [1, 2]) {
      const { loss, gradients } = await run(workers, fresh());
      expect(loss).toBeCloseTo(parts[0]!.loss + parts[1]!.loss + parts[2]!.loss, 5);
      expect(gradients.size).toBeGreaterThan(30);
      for (const [name, data] of gradients) {
        const scale = Math.max(1e-6, ...parts.map((part) => largest(part.gradients.get(name)!)));
        const off = data.map((value, i) => value - parts.reduce((sum, part) => sum + part.gradients.get(name)![i]!, 0));
        expect(largest(off) / scale, `${workers} workers, ${name}`).toBeLessThan(1e-4);
      }
    }
  });

  it("reads the parameters as they are in memory when it begins", async () => {
    const parameters = fresh();
    const stepper = await createStepper(step.graphs, step.inputs, parameters, { workers: 2, threads: 1 });
    const before = (await stepper.step(micros)).reports[1]!.logits![0]!;
    const bias = parameters.get("classifier.bias")!.data;
    bias[0] = bias[0]! + 2;
    const after = (await stepper.step(micros)).reports[1]!.logits![0]!;
    await stepper.close();
    expect(after - before).toBeCloseTo(2, 5);
  });
});
