// The whole training step of `beit train`, with or without data, or of `beit pretrain` with visual tokens at hand: prepare,
// micro-batches over workers, finish, clip, AdamW.
import { openDataset } from "../../dist/dataset/folder.js";
import { createLoader } from "../../dist/dataset/loader.js";
import { epochOrder, planBatches } from "../../dist/dataset/sampler.js";
import { trainingGraphs } from "../../dist/graph/training.js";
import { defaultProcessor } from "../../dist/image/processor.js";
import { clipCoefficient } from "../../dist/optim/clip.js";
import { parameterGroups } from "../../dist/optim/groups.js";
import { zeroMoments } from "../../dist/optim/update.js";
import { fineTuneStep, microBatches } from "../../dist/train/fine-tune-step.js";
import { parsePretrainRecipe } from "../../dist/train/pretrain-recipe.js";
import { maskedMicroBatches, maskingOf, tracePretraining } from "../../dist/train/pretrain-step.js";
import { parseRecipe } from "../../dist/train/recipe.js";
import { shareLive } from "../../dist/train/state.js";
import { createStepper } from "../../dist/train/stepper.js";
import { createUpdater } from "../../dist/train/updater.js";
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

/** Graphs and inputs of fine-tuning, and how a batch becomes micro-batches. */
function fineTuning({ preset, batch, microBatch }) {
  const config = configOf(preset);
  const recipe = parseRecipe({ model: preset, batchSize: batch, optimizer: "adamw" }, {}, "bench");
  const step = fineTuneStep(config, microBatch);
  const options = { config, microBatch, labelSmoothing: recipe.labelSmoothing, seed: recipe.seed };
  return { ...step, config, recipe, task: "classification", cut: (read) => microBatches(read, step, options) };
}

const VOCABULARY = 1024; // codes of the tokenizer that comes along

/** The same of masked image modelling, the visual tokens being always the same. */
function pretraining({ preset, batch, microBatch }) {
  const config = { ...configOf(preset), useMaskToken: true, vocabSize: VOCABULARY };
  const recipe = parsePretrainRecipe({ model: preset, batchSize: batch }, {}, "bench");
  const masking = maskingOf(recipe, config);
  const { trace, outputs } = tracePretraining(config, masking, microBatch, true);
  const noise = [...trace.noise.values()];
  const options = { masking, microBatch, noise: noise.map(({ spec }) => spec) };
  const tokens = BigInt64Array.from({ length: batch * 196 }, (_, i) => BigInt((i * 37) % VOCABULARY));
  return {
    graphs: trainingGraphs(outputs, trace.parameters),
    inputs: [...trace.inputs.values(), ...noise.map(({ value }) => value)],
    config,
    recipe,
    task: "masked-image-modelling",
    cut: ({ pixels, epoch, labels }) => {
      const keys = Array.from(labels.keys(), (i) => ["bench", epoch, i]);
      return maskedMicroBatches({ pixels, tokens, keys }, config, options).micros;
    },
  };
}

/** `mode` of a run: "data" reads its batch from `folder`, anything else uses the same pixels again. */
export async function load({ batch, workers, threads, folder, masked = false, ...what }) {
  const { graphs, inputs, config, recipe, task, cut } = (masked ? pretraining : fineTuning)({ batch, ...what });
  const parameters = parametersOf(config, task);
  const groups = parameterGroups(parameters, { ...recipe, tradition: "beit", numLayers: config.numLayers });
  const live = { parameters, moments: zeroMoments(parameters, groups) };
  shareLive(live);
  const stepper = await createStepper(graphs, inputs, parameters, { workers, threads });
  const updater = await createUpdater(live, groups, stepper.gradients, {
    threads: workers * threads,
    parts: workers * threads,
  });
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
    const read = mode === "data" ? (await batches.next()).value : { ...same, epoch: steps }; // drop-path is drawn anew
    const arrived = performance.now();
    const micros = cut(read);
    const { timings } = await stepper.step(micros);
    const back = performance.now();
    const gradScale = clipCoefficient((await updater.addUp()) / micros.length, recipe.clipNorm) / micros.length;
    const clipped = performance.now();
    await updater.update({ ...recipe, lr: recipe.minLearningRate, step: ++steps, gradScale });
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
