import { loadClassifier } from "../evaluate/pipeline.ts";
import type { Precision } from "../evaluate/quantized.ts";
import { openOutput, say, wantsColor } from "../platform/console.ts";
import { writeFileAtomic } from "../platform/files.ts";
import { type Evaluation, evaluateDataset, evaluationJson, evaluationTrainerMetrics } from "../report/evaluate.ts";
import { formatEvaluation } from "../report/evaluation.ts";
import { htmlReport } from "../report/html.ts";
import { logMetrics } from "../report/trainer.ts";
import { drawnBy } from "./drawn.ts";
import { filesOfModel, requireOwnFile } from "./output.ts";
import { createProgress } from "./progress.ts";

/** What `beit evaluate` was asked for. */
export interface EvaluateCommandOptions {
  readonly split?: string;
  readonly by?: readonly string[];
  readonly json?: boolean;
  readonly output?: string;
  readonly html?: string;
  readonly minBalancedAccuracy?: number;
  readonly precision: Precision;
  readonly workers?: number;
}

/**
 * Evaluates a model on a data set and writes the report; resolves to the exit code: 3 when the balanced accuracy is
 * below the one asked for, 1 when pictures could not be read.
 */
export async function runEvaluate(path: string, dataset: string, options: EvaluateCommandOptions): Promise<number> {
  const model = await loadClassifier(path, {
    precision: options.precision,
    onRemark: (text) => say(`beit: ${text}`),
  });
  const read = await filesOfModel(path);
  for (const result of [options.output, options.html]) if (result !== undefined) requireOwnFile(result, read);
  const { split, by, workers } = options;
  const progress = createProgress();
  const evaluation = await evaluateDataset(model, dataset, {
    ...(split === undefined ? {} : { split }),
    ...(by === undefined ? {} : { by }),
    ...(workers === undefined ? {} : { workers }),
    drawn: await drawnBy(path),
    onProgress: progress.update,
  }).finally(progress.finish);
  if (options.html !== undefined) await writeFileAtomic(options.html, page(evaluation));
  await write(evaluation, options);
  for (const { error } of evaluation.unreadable) say(`beit: ${error}`);
  return exitCode(evaluation, options.minBalancedAccuracy);
}

async function write(evaluation: Evaluation, { json, output: path }: EvaluateCommandOptions): Promise<void> {
  const output = await openOutput(path);
  await output.write(json ? `${JSON.stringify(evaluationJson(evaluation), null, 2)}\n` : text(evaluation, path));
  await output.commit();
}

function text({ report, split }: Evaluation, path: string | undefined): string {
  const style = { color: path === undefined && wantsColor() };
  const named = { ...report, dataset: `${report.dataset}, split ${split}` };
  return `${formatEvaluation(named, style)}\n\n${logMetrics("eval", evaluationTrainerMetrics(report))}`;
}

function page({ report, split, unreadable }: Evaluation): string {
  const facts: [string, string][] = [
    ["model", report.model ?? ""],
    ["data set", report.dataset ?? ""],
    ["split", split],
    ...unreadable.map(({ error }): [string, string] => ["could not be read", error]),
  ];
  return htmlReport({
    title: "Evaluation",
    subtitle: `${report.model} on ${report.dataset}`,
    evaluation: report,
    facts,
  });
}

function exitCode({ report, unreadable }: Evaluation, least: number | undefined): number {
  const { balanced_accuracy } = report.metrics;
  if (least !== undefined && balanced_accuracy < least) {
    say(`beit: balanced accuracy ${balanced_accuracy.toFixed(4)} is below ${least}`);
    return 3;
  }
  return unreadable.length > 0 ? 1 : 0;
}
