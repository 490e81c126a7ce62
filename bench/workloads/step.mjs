// The whole training step of `beit train`: prepare, micro-batches over workers, finish, clip, AdamW; with or without data.
import { openDataset } from "../../dist/dataset/folder.js";
import { createLoader } from "../../dist/dataset/loader.js";
import { epochOrder, planBatches } from "../../dist/dataset/sampler.js";
import { defaultProcessor } from "../../dist/image/processor.js";
import { clipCoefficient, globalNorm } from "../../dist/optim/clip.js";
import { parameterGroups } from "../../dist/optim/groups.js";
import { updateParameters, zeroMoments } from "../../dist/optim/update.js";
import { fineTuneStep, microBatches } from "../../dist/train/fine-tune-step.js";
import { parseRecipe } from "../../dist/train/recipe.js";
import { createStepper } from "../../dist/train/stepper.js";
import { configOf, parametersOf, pixelsOf } from "../graphs.mjs";

const WARM_UP = 5; // steps: the first ones take their memory from the system, up to 0.2 s each

/**
 * Opens a folder of pictures, each of which is decoded and augmented whenever it is drawn. What it gives starts reading
 * `count` batches and stops there, so that nothing is read while others are measured; the first batch is not read ahead.
 */
async function openBatches(folder, { config, batch, recipe }) {
  const { samples } = await openDataset(folder, { split: "train" });
  const processor = defaultProcessor(config.imageSize);
  const { augment, seed } = recipe;
  const loader = await createLoader({
    samples,
    size: config.imageSize,
    batchSize: batch,
    processor,
    augment,
    seed,
    cacheBytes: 0,
  });
  let epoch = 0;
  let current;
  return async (count) => {
    await current?.return();
    const order = epochOrder({ length: samples.length, epoch, seed, replacement: true, count: count * batch });
    current = loader.batches(planBatches(order, { batchSize: batch, epoch: epoch++ }));
    return current;
  };
}

/** `mode` of a run: "data" reads its batch from `folder`, anything else uses the same pixels again. */
export async function load({ preset, batch, microBatch, workers, threads, folder }) {
  const config = configOf(preset);
  const recipe = parseRecipe({ model: preset, batchSize: batch }, {}, "bench");
  const step = fineTuneStep(config, microBatch);
  const stepper = await createStepper(step.graphs, step.inputs, { workers, threads });
  const parameters = parametersOf(config);
  const groups = parameterGroups(parameters, { ...recipe, numLayers: config.numLayers });
  const moments = zeroMoments(parameters, groups);
  const labels = Int32Array.from({ length: batch }, (_, i) => i % 2);
  const same = { epoch: 0, first: 0, pixels: pixelsOf(config, batch).data, labels };
  const openNext = await openBatches(folder, { config, batch, recipe });
  let batches;
  const sums = {};
  let steps = 0;
  const note = (phases) => {
    for (const [phase, ms] of Object.entries(phases)) sums[phase] = (sums[phase] ?? 0) + ms;
  };

  async function run(mode) {
    const start = performance.now();
    const read = mode === "data" ? (await batches.next()).value : same;
    const arrived = performance.now();
    const options = { config, microBatch, labelSmoothing: recipe.labelSmoothing, seed: recipe.seed };
    const micros = microBatches(read, step, options);
    const { gradients, timings } = await stepper.step(parameters, micros);
    const back = performance.now();
    const named = new Map([...gradients].map(([name, data]) => [name, { data }]));
    const gradScale = clipCoefficient(globalNorm(named.values()) / micros.length, recipe.clipNorm) / micros.length;
    const clipped = performance.now();
    const lr = recipe.minLearningRate;
    updateParameters({ parameters, gradients: named, moments, groups }, { ...recipe, lr, step: ++steps, gradScale });
    const end = performance.now();
    note({ data: arrived - start, ...timings, clip: clipped - back, update: end - clipped, steps: 1 });
  }

  async function begin(mode, count) {
    if (mode === "data") batches = await openNext(count);
  }

  function takeDetails() {
    const { steps: count, ...phases } = sums;
    for (const key of Object.keys(sums)) delete sums[key];
    return { phases: Object.fromEntries(Object.entries(phases).map(([phase, ms]) => [phase, ms / count])) };
  }
  for (let i = 0; i < WARM_UP; i++) await run("same");
  takeDetails();
  return { begin, run, takeDetails, facts: {} };
}
