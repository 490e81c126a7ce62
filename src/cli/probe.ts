import { loadModel } from "../evaluate/model.ts";
import { type ProbePooling, type ProbeSolver, probe } from "../evaluate/probe.ts";
import { openOutput, wantsColor } from "../platform/console.ts";
import { writeFileAtomic } from "../platform/files.ts";
import { formatProbe, probeChart } from "../report/probe.ts";
import { filesOfModel, requireOwnFile } from "./output.ts";
import { createProgress } from "./progress.ts";

/** What `beit probe` was asked for. */
export interface ProbeCommandOptions {
  /** `all`, or numbers. */
  readonly layers: readonly number[] | "all";
  readonly pool: readonly ProbePooling[];
  readonly solver: ProbeSolver;
  readonly knn: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly output?: string;
  readonly svg?: string;
  readonly workers?: number;
}

/** Probes a frozen encoder and writes what its layers know; resolves to the exit code. */
export async function runProbe(path: string, dataset: string, options: ProbeCommandOptions): Promise<number> {
  const { layers, pool, solver, knn, seed, json, output: file, svg, workers } = options;
  const model = await loadModel(path);
  const read = await filesOfModel(path);
  for (const result of [file, svg]) if (result !== undefined) requireOwnFile(result, read);
  const progress = createProgress();
  const report = await probe(model, dataset, {
    ...(layers === "all" ? {} : { layers }),
    ...(workers === undefined ? {} : { workers }),
    poolings: pool,
    solver,
    k: knn,
    seed,
    onProgress: progress.update,
  }).finally(progress.finish);
  if (svg !== undefined) await writeFileAtomic(svg, probeChart(report));
  const output = await openOutput(file);
  const text = json ? JSON.stringify(report, undefined, 2) : formatProbe(report, { color: !file && wantsColor() });
  await output.write(`${text}\n`);
  await output.commit();
  return 0;
}
