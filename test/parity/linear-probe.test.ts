import { expect, it } from "vitest";
import { trainLinearProbe } from "../../src/evaluate/linear-probe.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { goldenCase } from "./golden.ts";

it("trains linear layers as unilm's run_linear_eval does", () => {
  const { inputs, expected, meta } = goldenCase("linear_probe");
  const { epochs, iters_per_epoch, lr, losses } = meta as unknown as {
    epochs: number;
    iters_per_epoch: number;
    lr: number;
    losses: number[];
  };
  const values = (name: string) => Float32Array.from((inputs.get(name) as Tensor<"float32">).data);
  const [features, labels] = [values("features"), inputs.get("labels")!.data as BigInt64Array];
  const [layers, steps, batch, width] = inputs.get("features")!.shape as [number, number, number, number];
  expect([layers, steps]).toEqual([2, epochs * iters_per_epoch]);
  const sums = new Float64Array(steps);
  for (let layer = 0; layer < layers; layer++) {
    const probe = { weight: values(`init.linear.${layer}.weight`), bias: values(`init.linear.${layer}.bias`) };
    const batchesOf = (epoch: number) =>
      Array.from({ length: iters_per_epoch }, (_, i) => {
        const step = epoch * iters_per_epoch + i;
        const from = (layer * steps + step) * batch * width;
        return {
          features: features.subarray(from, from + batch * width),
          labels: Int32Array.from(labels.subarray(step * batch, (step + 1) * batch), Number),
        };
      });
    const found = trainLinearProbe(probe, { learningRate: lr, epochs, batchesOf });
    for (const [step, loss] of found.entries()) sums[step]! += loss;
    for (const key of ["weight", "bias"] as const) {
      const final = (expected.get(`final.linear.${layer}.${key}`) as Tensor<"float32">).data;
      const worst = Math.max(...final.map((value, i) => Math.abs(value - probe[key][i]!)));
      expect(worst, `layer ${layer} ${key}`).toBeLessThan(2e-6); // float32 storage over eight steps of 4e-3
    }
  }
  for (const [step, loss] of losses.entries()) expect(sums[step]).toBeCloseTo(loss, 6);
});
