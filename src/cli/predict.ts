import type { Picture } from "../evaluate/batch.ts";
import { loadClassifier, shippedModel } from "../evaluate/pipeline.ts";
import { type Classifier, createPredictor } from "../evaluate/predictor.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { topScores } from "../evaluate/scores.ts";
import { interruptible, type Output, openOutput, say, wantsColor } from "../platform/console.ts";
import {
  formatPredictions,
  type Prediction,
  type PredictionFormat,
  predictionCsvHeader,
  predictionCsvLine,
  predictionJsonLine,
} from "../report/predictions.ts";
import { findPictures, type Source } from "./pictures.ts";
import { createProgress } from "./progress.ts";

/** What `beit predict` was asked for. */
export interface PredictOptions {
  readonly model?: string;
  readonly topK?: number;
  readonly format: PredictionFormat;
  readonly json?: boolean;
  readonly output?: string;
  readonly filesFrom?: string;
  readonly precision: Precision;
  readonly workers?: number;
}

const FEW = 16; // pictures below which starting threads takes longer than it saves

/** Classifies pictures and writes what was found; resolves to the exit code: 1 when a picture could not be read. */
export async function runPredict(images: readonly string[], options: PredictOptions): Promise<number> {
  const sources = await findPictures(images, options.filesFrom);
  const model = await loadClassifier(options.model ?? shippedModel(), {
    precision: options.precision,
    onRemark: (text) => say(`beit: ${text}`),
  });
  const format = options.json ? "json" : options.format;
  const usual = format === "json" || format === "jsonl" ? 5 : 1;
  const topK = Math.min(options.topK ?? usual, model.config.labels.length);
  const output = await openOutput(options.output);
  const writer = rowWriter(output, { format, topK, color: options.output === undefined && wantsColor() });
  try {
    const failed = await interruptible(async (signal) => {
      let count = 0;
      await writer.begin();
      for await (const row of predictionsOf(sources, model, topK, options.workers)) {
        if (signal.aborted) return undefined;
        if ("error" in row) count++;
        await writer.add(row);
      }
      return count;
    });
    if (failed === undefined) {
      await output.discard();
      return 130;
    }
    await writer.end();
    await output.commit();
    if (failed > 0) say(`beit: ${failed} of ${sources.length} could not be read`);
    return failed > 0 ? 1 : 0;
  } catch (error) {
    await output.discard();
    throw error;
  }
}

/** The answer to every source, in order, as they come. */
async function* predictionsOf(
  sources: readonly Source[],
  model: Classifier,
  topK: number,
  workers: number | undefined,
): AsyncGenerator<Prediction> {
  const pictures = sources.flatMap((source): Picture[] => ("picture" in source ? [source.picture] : []));
  const threads = workers ?? (pictures.length < FEW ? 0 : undefined);
  const predictor = await createPredictor(model, threads === undefined ? {} : { workers: threads });
  const outcomes = predictor.scores(pictures);
  const progress = createProgress();
  try {
    for (const [done, source] of sources.entries()) {
      if ("error" in source) {
        yield source;
        continue;
      }
      const { value: outcome } = await outcomes.next();
      const { file, picture } = source;
      if (!outcome) return;
      if ("error" in outcome) yield { file, error: withoutName(outcome.error.message, picture) };
      else yield { file, predictions: topScores(outcome.logits, model.config, topK) };
      progress.update(done + 1, sources.length);
    }
  } finally {
    progress.finish();
    await predictor.close();
  }
}

/** A message without the name it begins with: the row has that already. */
function withoutName(message: string, picture: Picture): string {
  const name = typeof picture === "string" ? picture : "name" in picture ? picture.name : "";
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

/** Writes rows in a format: lines as they come, a table or one JSON value at the end. */
function rowWriter(output: Output, style: { format: PredictionFormat; topK: number; color: boolean }) {
  const { format, topK } = style;
  const kept: Prediction[] = [];
  return {
    begin: async () => {
      if (format === "csv") await output.write(predictionCsvHeader(topK));
    },
    add: async (row: Prediction) => {
      if (format === "jsonl") await output.write(predictionJsonLine(row));
      else if (format === "csv") await output.write(predictionCsvLine(row, topK));
      else kept.push(row);
    },
    end: async () => {
      if (format === "json" || format === "table") await output.write(`${formatPredictions(kept, format, style)}\n`);
    },
  };
}
