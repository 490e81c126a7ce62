import { type BeitConfig, serializeConfig, WIDE, windowOf } from "../beit/config.ts";
import { writeFolder } from "../checkpoint/folder.ts";
import type { Batch } from "../dataset/loader.ts";
import { CELL } from "../dvae/config.ts";
import { loadModel } from "../evaluate/model.ts";
import type { TrainedModel } from "../evaluate/samples.ts";
import { loadTokenizer } from "../evaluate/tokenizer.ts";
import { createTokenizer, type ImageTokenizer } from "../evaluate/tokens.ts";
import { trainingGraphs } from "../graph/training.ts";
import { defaultProcessor, serializeImageProcessor } from "../image/processor.ts";
import { parameterGroups } from "../optim/groups.ts";
import { BeitError } from "../platform/errors.ts";
import { digest } from "../platform/files.ts";
import { packagePath } from "../platform/package.ts";
import { openPictures, type TrainingData } from "./data.ts";
import type { RunEvent } from "./events.ts";
import { picturesAtOnce } from "./fine-tune.ts";
import { batchesOf, heldOut } from "./held-out.ts";
import { type RunResult, runTask } from "./loop.ts";
import { accuracyOf, type MaskedModellingMetrics, measureMasked } from "./masked-metrics.ts";
import { type PretrainRecipe, parsePretrainRecipe } from "./pretrain-recipe.ts";
import { maskedMicroBatches, maskingOf, patchValues, tracePretraining } from "./pretrain-step.ts";
import type { RunOptions } from "./run.ts";
import { microBatchOf } from "./settings.ts";
import { startModel } from "./start.ts";
import type { Task } from "./task.ts";
import { tokenizerProcessor } from "./tokenizer.ts";

/** What a pre-training run tells as it goes, and what it comes to. */
export type PretrainEvent = RunEvent<MaskedModellingMetrics>;
export type PretrainResult = RunResult<TrainedModel>;

/**
 * Pre-trains an encoder by masked image modelling on the pictures of a folder, labelled or not, and yields what happens;
 * returns the weights that predict held-out pictures best.
 * @throws BeitError for everything the user can mend, e.g. `train/non-finite`; the newest checkpoint stays
 */
export const pretrain = (
  images: string,
  recipe: PretrainRecipe,
  options: RunOptions,
): AsyncGenerator<PretrainEvent, PretrainResult> => runTask(() => openPretraining(images, recipe), options);

async function openPretraining(
  images: string,
  recipe: PretrainRecipe,
): Promise<Task<TrainedModel, MaskedModellingMetrics>> {
  const pictures = await openPictures(images, recipe);
  const source = await openTokens(recipe);
  const { config, parameters, loaded, from } = await startModel(recipe, {
    task: "masked-image-modelling",
    configure: (base) => ({
      ...base,
      imageSize: [recipe.imageSize, recipe.imageSize],
      useMaskToken: true,
      vocabSize: source?.vocabSize ?? patchValues(base),
      dropPathRate: recipe.dropPath,
    }),
  });
  const grid = checkGrid(recipe, config);
  const tokenizer = source?.open(grid * CELL);
  const fingerprint = digest(pictures.fingerprint, source?.fingerprint ?? "");
  const data: TrainingData = { ...pictures, validation: heldOut(pictures.validation, recipe.seed), fingerprint };
  const wide = config.hiddenSize >= WIDE;
  const microBatch = microBatchOf(recipe, picturesAtOnce(recipe.imageSize, wide));
  const masking = maskingOf(recipe, config);
  const { trace, outputs } = tracePretraining(config, masking, microBatch, true);
  const noise = [...trace.noise.values()];
  const processor = defaultProcessor(config.imageSize);
  const preparation = { size: config.imageSize, processor, ...tokenizerView(grid * CELL) }; // for pixels too: the same crops
  const cut = async ({ pixels, tokenizerPixels, indices, epoch, first }: Batch) => {
    const tokens = await tokenizer?.visualTokens(tokenizerPixels);
    const keys = Array.from(indices.keys(), (i) => [recipe.seed, epoch, first + i]);
    const specs = noise.map(({ spec }) => spec);
    return maskedMicroBatches({ pixels, tokens, keys }, config, { masking, microBatch, noise: specs });
  };
  let expected: readonly BigInt64Array[] = []; // of the step at hand: figures are asked for after its micro-batches
  return {
    recipe,
    data,
    parameters,
    from,
    loaded,
    groups: parameterGroups(parameters, {
      tradition: "beit",
      weightDecay: recipe.weightDecay,
      muon: recipe.optimizer === "muon",
      numLayers: config.numLayers,
    }),
    wide,
    microBatch,
    graphs: trainingGraphs(outputs, trace.parameters),
    inputs: [...trace.inputs.values(), ...noise.map(({ value }) => value)],
    preparation: { ...preparation, augment: recipe.augment },
    async microBatches(batch) {
      const { micros, labels } = await cut(batch);
      expected = labels;
      return micros;
    },
    figures: (reports): Record<string, number> =>
      tokenizer
        ? {
            masked_accuracy: accuracyOf(
              reports.map(({ predicted }) => predicted!),
              expected,
            ),
          }
        : {},
    model: (values) => ({ config, processor, parameters: values }),
    async evaluate(model) {
      const unreadable: string[] = [];
      const atOnce = Math.min(microBatch, data.validation.length);
      const batches = batchesOf(data.validation, preparation, atOnce, (message) => unreadable.push(message));
      const metrics = await measureMasked(model, batches, { masking, tokenizer, seed: recipe.seed });
      const { loss, tokens } = metrics;
      const figures = { eval_loss: loss, ...(tokens ? { eval_masked_accuracy: tokens.accuracy } : {}) };
      return { metrics, figures, value: loss, unreadable };
    },
    lessIsBetter: true,
    save: (folder, model) =>
      writeFolder(folder, {
        config: serializeConfig(model.config, "masked-image-modelling"),
        processor: serializeImageProcessor(model.processor),
        tensors: model.parameters,
      }),
    load: loadModel,
    parseRecipe: (json, name) => parsePretrainRecipe(json, {}, name),
    close: async () => tokenizer?.close(),
  };
}

/** The second view of a picture: the same crop, smaller, by the original's filter. */
const tokenizerView = (edge: number) => ({
  tokenizerView: { size: [edge, edge] as const, filter: "lanczos" as const, processor: tokenizerProcessor(edge) },
});

/** Where visual tokens come from. */
interface TokenSource {
  readonly vocabSize: number;
  readonly fingerprint: string;
  /** The tokenizer for pictures of that many pixels a side. */
  open(edge: number): ImageTokenizer;
}

/**
 * Tokens of the recipe's tokenizer, or of the one that comes with this package; none where pixels are the target.
 * @throws BeitError `recipe/invalid`, and as `loadTokenizer`
 */
async function openTokens({ target, tokenizer, augment }: PretrainRecipe): Promise<TokenSource | undefined> {
  if (target === "pixels") {
    if (augment.erasing)
      throw new BeitError("recipe/invalid", "erasing would erase the pixels that are to be predicted");
    return undefined;
  }
  const model = await loadTokenizer(tokenizer ?? packagePath("models/tokenizer"));
  const encoder = [...model.parameters].filter(([name]) => name.startsWith("encoder."));
  return {
    vocabSize: model.config.vocabSize,
    fingerprint: digest(...encoder.flatMap(([name, { data }]) => [name, bytesOf(data)])),
    open: (edge) => createTokenizer({ ...model, config: { ...model.config, imageSize: edge } }),
  };
}

const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/**
 * Patches along a side, as many as codes.
 * @throws BeitError `recipe/grid` when the tokenizer's pictures would give another number
 */
function checkGrid({ target, tokenizerImageSize: edge }: PretrainRecipe, config: BeitConfig): number {
  const [patches] = windowOf(config);
  if (target === "tokens" && edge !== undefined && edge !== patches * CELL) {
    const codes = edge / CELL;
    const has = `tokenizerImageSize ${edge} px gives ${codes} x ${codes} codes`;
    const wants = `${config.imageSize[0]} px have ${patches} x ${patches} patches`;
    throw new BeitError(
      "recipe/grid",
      `${has}, but pictures of ${wants}; expected ${patches * CELL} px, or none given`,
    );
  }
  return patches;
}
