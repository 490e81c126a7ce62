import { expect, it } from "vitest";
import { formatAccounting, measuredRun, type TrainingRun, trainerMetricsOf } from "./accounting.ts";
import { metricsFormat } from "./trainer.ts";

// The reference card's run; its true figures are worked out in the specification's card check.
const run: TrainingRun = {
  runtimeSeconds: 3496.56,
  trainImages: 14428,
  batchSize: 16,
  plannedEpochs: 4,
  stepsPerEpoch: 902,
  plannedSteps: 3608,
  steps: 500,
  images: 8000,
  pixelsPerImage: 3 * 224 * 224,
  parameters: 85_667_666,
  forwardMacs: 17.6e9,
  trainLoss: 0.15104,
};

it("claims what Trainer claims", () => {
  expect(metricsFormat(trainerMetricsOf(run))).toMatchObject({
    epoch: "0.55",
    total_flos: "576468516GF",
    train_samples_per_second: "16.505",
    train_steps_per_second: "1.032",
  });
});

it("counts what happened", () => {
  const measured = measuredRun(run);
  expect(measured.images_per_second).toBeCloseTo(2.288, 3);
  expect(measured.seconds_per_step).toBeCloseTo(6.99, 2);
  expect(measured.flop_per_image).toBe(105.6e9);
  expect(measured.total_flop).toBeCloseTo(8.448e14, -1);
  expect(Number(trainerMetricsOf(run).total_flos) / measured.total_flop).toBeCloseTo(732.7, 1); // times too much
  expect(measuredRun({ ...run, pausedSeconds: 193 }).images_per_second).toBeCloseTo(2.42, 2);
});

it("puts both side by side", () => {
  expect(formatAccounting(run)).toMatchInlineSnapshot(`
    "training               as Trainer prints it  as it happened
    epochs                                 0.55           0.554
    images                       57,712 planned           8,000
    steps                         3,608 planned             500
    time                             0:58:16.55     58 min 17 s
    images per second                    16.505           2.288
    steps per second                      1.032           0.143
    arithmetic                      576468516GF       845 TFLOP
    arithmetic per second                     –     242 GFLOP/s
    mean training loss                    0.151          0.1510"
  `);
});
