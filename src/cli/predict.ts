import { loadClassifier, shippedModel } from "../evaluate/pipeline.ts";
import { type Classifier, createPredictor, type PredictorOptions } from "../evaluate/predictor.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { topScores } from "../evaluate/scores.ts";
import { interruptible, type Output, openOutput, say, wantsColor } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { isStream } from "../platform/files.ts";
import { pathKind } from "../platform/folders.ts";
import { lockFile } from "../platform/runs.ts";
import {
  formatPredictions,
  type Prediction,
  type PredictionFormat,
  predictionCsvHeader,
  predictionCsvLine,
  predictionJsonLine,
} from "../report/predictions.ts";
import { type Answers, modelDigest, openAnswers } from "./answers.ts";
import { outcomesOf } from "./outcomes.ts";
import { requireOwnFile } from "./output.ts";
import { filesOf, findPictures, type Source } from "./pictures.ts";
import { type Shard, takeShard } from "./shard.ts";

/** What `beit predict` was asked for. */
export interface PredictOptions {
  readonly model?: string;
  readonly topK?: number;
  readonly format?: PredictionFormat;
  readonly json?: boolean;
  readonly output?: string;
  readonly filesFrom?: string;
  readonly precision: Precision;
  readonly shard?: Shard;
  readonly workers?: number;
}

/** What is to be answered, and with what. */
interface Task {
  readonly sources: readonly Source[];
  readonly model: Classifier;
  readonly topK: number;
  readonly format: PredictionFormat;
  readonly workers: number | undefined;
}

/** Classifies pictures and writes what was found; resolves to the exit code: 1 when a picture could not be read. */
export async function runPredict(images: readonly string[], options: PredictOptions): Promise<number> {
  const found = await findPictures(images, options.filesFrom);
  const sources = options.shard ? takeShard(found, options.shard) : found;
  const model = await loadClassifier(options.model ?? shippedModel(), {
    precision: options.precision,
    onRemark: (text) => say(`beit: ${text}`),
  });
  const format = options.json ? "json" : (options.format ?? formatOf(options.output));
  const usual = format === "json" || format === "jsonl" ? 5 : 1;
  const topK = Math.min(options.topK ?? usual, model.config.labels.length);
  const task: Task = { sources, model, topK, format, workers: options.workers };
  const { output } = options;
  const failed = await (output === undefined || (await isStream(output)) ? print(task, output) : writeTo(output, task));
  if (failed === undefined) return 130;
  if (failed > 0) say(`beit: ${failed} of ${sources.length} could not be read`);
  return failed > 0 ? 1 : 0;
}

/** The format that a file's name tells; a table where it tells none. */
function formatOf(path = ""): PredictionFormat {
  const extension = /\.(json|jsonl|csv)$/i.exec(path)?.[1]?.toLowerCase();
  return (extension as PredictionFormat | undefined) ?? "table";
}

/** Prints answers as they come, to a pipe where one is named; resolves to how many failed, undefined when interrupted. */
async function print(task: Task, pipe?: string): Promise<number | undefined> {
  const output = await openOutput(pipe);
  const writer = rowWriter(output, { ...task, color: pipe === undefined && wantsColor() });
  return interruptible(async (signal) => {
    await writer.begin();
    for await (const row of predictionsOf(task, 0)) {
      if (signal.aborted) return undefined;
      await writer.add(row);
    }
    const failed = await writer.end();
    await output.commit();
    return failed;
  });
}

/**
 * Writes answers to a file that appears when all are there, as {@link print} does otherwise. What an interrupted run, or a
 * killed one, has found so far lies in `PATH.partial`, and the same command goes on from there.
 */
async function writeTo(path: string, task: Task): Promise<number | undefined> {
  const { sources, model, topK } = task;
  if ((await pathKind(path)) === "folder") {
    throw new BeitError("file/unwritable", `${path}: cannot be written: it is a folder`);
  }
  requireOwnFile(path, filesOf(sources));
  const files = sources.map(({ file }) => file);
  const release = await lockFile(`${path}.lock`, path);
  try {
    const run = { model: modelDigest(model), topK };
    return await interruptible(async (signal) =>
      finishAnswers(path, task, await openAnswers(path, run, files), signal),
    );
  } finally {
    await release();
  }
}

/** What is missing of the answers, then all of them into their file. */
async function finishAnswers(
  path: string,
  task: Task,
  answers: Answers,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    if (!(await answerAll(task, answers, signal))) {
      await answers.keep();
      return undefined;
    }
    const failed = await writeRows(path, task, answers);
    await answers.remove();
    return failed;
  } catch (error) {
    await answers.keep().catch(() => undefined);
    throw error;
  }
}

/** Adds the answers that are not there yet; resolves to false when interrupted. */
async function answerAll(task: Task, answers: Answers, signal: AbortSignal): Promise<boolean> {
  const total = task.sources.length;
  let { done } = answers;
  if (done > 0) say(`beit: going on after ${done} of ${total} pictures`);
  for await (const row of predictionsOf(task, done)) {
    if (signal.aborted) {
      say(`beit: interrupted after ${done} of ${total} pictures; the same command goes on from there`);
      return false;
    }
    await answers.add(row);
    done++;
  }
  return true;
}

/** Puts all answers into the file in its format; resolves to how many are errors. */
async function writeRows(path: string, task: Task, answers: Answers): Promise<number> {
  const output = await openOutput(path);
  try {
    const writer = rowWriter(output, { ...task, color: false });
    await writer.begin();
    for await (const row of answers.rows()) await writer.add(row);
    const failed = await writer.end();
    await output.commit();
    return failed;
  } catch (error) {
    await output.discard();
    throw error;
  }
}

/** The answer to every source from index `from` on, in order, as they come. */
async function* predictionsOf(task: Task, from: number): AsyncGenerator<Prediction> {
  const { model, topK, workers } = task;
  const start = (options: PredictorOptions) => createPredictor(model, options);
  for await (const outcome of outcomesOf(task.sources.slice(from), start, workers)) {
    if ("error" in outcome) yield outcome;
    else yield { file: outcome.file, predictions: topScores(outcome.numbers, model.config, topK) };
  }
}

/** Writes rows in a format: lines as they come, a table or one JSON value at the end, which tells how many are errors. */
function rowWriter(output: Output, style: { format: PredictionFormat; topK: number; color: boolean }) {
  const { format, topK } = style;
  const kept: Prediction[] = [];
  let failed = 0;
  return {
    begin: async () => {
      if (format === "csv") await output.write(predictionCsvHeader(topK));
    },
    add: async (row: Prediction) => {
      if ("error" in row) failed++;
      if (format === "jsonl") await output.write(predictionJsonLine(row));
      else if (format === "csv") await output.write(predictionCsvLine(row, topK));
      else kept.push(row);
    },
    end: async () => {
      if (format === "json" || format === "table") await output.write(`${formatPredictions(kept, format, style)}\n`);
      return failed;
    },
  };
}
