import { say } from "../platform/console.ts";
import { BeitError } from "../platform/errors.ts";
import { namesIn } from "../platform/runs.ts";
import { countText, durationText } from "../report/numbers.ts";
import type { RunEvent, StartReport, StepReport } from "../train/events.ts";

/** Options of every command that trains. */
export interface RunCommandOptions {
  readonly output: string;
  readonly recipe?: string;
  readonly resume?: boolean;
  readonly workers?: number;
  readonly threads?: number;
  readonly saveEvery?: number;
}

/** Keys of a recipe that were given on the command line. */
export const given = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

/** What a run leaves in its folder in the end. */
const RESULT =
  /^(model\.safetensors|README\.md|report\.html|reconstructions\.png|onnx|(config|preprocessor_config|recipe|trainer_state|.+_results)\.json)$/;

/**
 * @param resume whether a run that is there is to go on
 * @throws BeitError `run/exists` where one is and is not, or other files of the names that a run writes
 */
export async function requireFresh(folder: string, resume: boolean): Promise<void> {
  const names = await namesIn(folder);
  if (names.some((name) => /^(checkpoint|stage)-\d+$/.test(name))) {
    if (resume) return;
    const hint = "add --resume to go on with it, or choose another folder with -o";
    throw new BeitError("run/exists", `${folder}: there is a run already; ${hint}`);
  }
  const taken = names.filter((name) => RESULT.test(name));
  if (taken.length === 0) return;
  const what = `${taken.join(", ")}, which the run would write over`;
  throw new BeitError("run/exists", `${folder}: holds ${what}; choose another folder with -o`);
}

/** Prints events as they come, a line each or none; resolves to the result. */
export async function drain<Event, Result>(
  events: AsyncGenerator<Event, Result>,
  describe: (event: Event) => Promise<string | undefined> | string | undefined,
): Promise<Result> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value;
    const line = await describe(value);
    if (line) say(line);
  }
}

/** Lines of progress that all runs share; the same words on a terminal and in a log. */
export function describeRun<Metrics>(
  event: RunEvent<Metrics>,
  evaluation: (metrics: Metrics) => string,
): string | undefined {
  switch (event.kind) {
    case "start":
      return startLine(event);
    case "step":
      return stepLine(event);
    case "evaluation": {
      const best = event.best ? "  (best so far)" : "";
      return `validation after epoch ${event.epoch.toFixed(2)}: ${evaluation(event.metrics)}${best}`;
    }
    case "unreadable":
      return [...event.messages.map((message) => `left out: ${message}`), `${event.total} left out so far`].join("\n");
    case "interrupted":
      return `interrupted: saved after step ${event.step}; go on with --resume`;
    default:
      return undefined;
  }
}

function startLine({ samples, validation, classes, parameters, from, loaded, totalSteps, step }: StartReport): string {
  const origin = loaded ? `${from} (${loaded} tensors taken over)` : `${from}, from scratch`;
  return [
    `${samples} pictures an epoch, ${validation} for validation`,
    ...(classes.length ? [`classes ${classes.join(", ")}`] : []),
    `model ${origin}, ${countText(parameters)} parameters`,
    `${totalSteps} steps${step ? `, resuming after step ${step}` : ""}`,
  ].join("; ");
}

function stepLine(report: StepReport): string {
  const { step, totalSteps, epoch, loss, figures, learningRate, gradientNorm, imagesPerSecond, etaSeconds } = report;
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  return [
    `step ${step}/${totalSteps}`,
    `epoch ${epoch.toFixed(2)}`,
    `loss ${loss.toFixed(4)}`,
    ...Object.entries(figures).map(([name, value]) => `${name.replaceAll("_", " ")} ${value.toFixed(4)}`),
    `lr ${learningRate.toExponential(2)}`,
    `grad ${gradientNorm.toFixed(2)}`,
    `${imagesPerSecond.toFixed(1)} img/s`,
    `waiting for data ${percent(report.waitingShare)}`,
    ...(report.preparingShare >= 0.005 ? [`preparing ${percent(report.preparingShare)}`] : []),
    `left ${durationText(etaSeconds)}`,
  ].join("  ");
}
