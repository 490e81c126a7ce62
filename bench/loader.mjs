// Pictures per second of the loader: node bench/loader.mjs DATASET [workers] [pictures], after npm run build.
// Decoding, random resized crop to 112 px, flip; epoch 0 with a cold cache, then 1 and 2 with a warm one.
import { openDataset } from "../dist/dataset/folder.js";
import { createLoader } from "../dist/dataset/loader.js";
import { epochOrder, planBatches } from "../dist/dataset/sampler.js";
import { AugmentRecipe } from "../dist/image/augment.js";
import { defaultProcessor } from "../dist/image/processor.js";

const [folder, workers = "2", pictures = "3000"] = process.argv.slice(2);
const batchSize = 64;
const { samples } = await openDataset(folder, { split: "train" });
const order = epochOrder({ length: samples.length, epoch: 0, seed: 1 }).subarray(0, Number(pictures));
const augment = AugmentRecipe.parse({ crop: { scale: [0.3, 1] }, flip: 0.5, filter: "bilinear" });
const processor = defaultProcessor(112);
const loader = await createLoader({
  samples,
  size: [112, 112],
  batchSize,
  processor,
  augment,
  workers: Number(workers),
});
for (let epoch = 0; epoch < 3; epoch++) {
  const [start, cpu] = [performance.now(), process.cpuUsage()];
  for await (const _ of loader.batches(planBatches(order, { batchSize, epoch })));
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const rate = ((1000 * order.length) / ms).toFixed(0);
  const cores = (user + system) / 1000;
  console.log(
    `epoch ${epoch}: ${rate} images/s, ${(cores / order.length).toFixed(2)} ms CPU each, ${(cores / ms).toFixed(2)} cores`,
  );
}
console.log(loader.statistics());
await loader.close();
