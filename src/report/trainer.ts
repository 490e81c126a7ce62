import { floatText, roundHalfEven } from "./python.ts";

/**
 * One metric. A `number` is a Python float ("3.0"), a `bigint` a Python int ("3"); a `number` under a key ending in
 * `_samples` is a count and also printed as an int.
 */
export type MetricValue = number | bigint | string;

/** Metrics by Trainer's names: `train_loss`, `eval_runtime`, `total_flos`, `epoch` … Times in seconds. */
export type TrainerMetrics = Readonly<Record<string, MetricValue>>;

/**
 * Values as Trainer prints them: run times as h:mm:ss.cc (centiseconds truncated), `total_flos` as multiples of 2^30
 * named "GF", memory as MB of 2^20, other floats rounded to 4 decimals.
 * @see transformers v4.27.4 src/transformers/trainer_pt_utils.py, `metrics_format`.
 */
export function metricsFormat(metrics: TrainerMetrics): Record<string, string> {
  return Object.fromEntries(Object.entries(metrics).map(([key, value]) => [key, formatMetric(key, value)]));
}

function formatMetric(key: string, value: MetricValue): string {
  if (typeof value === "string") return value;
  if (key.includes("_mem_")) return `${toInteger(value) >> 20n}MB`;
  if (key.includes("_runtime")) return runtimeText(Number(value));
  if (key === "total_flos") return `${toInteger(value) >> 30n}GF`;
  if (typeof value === "bigint" || isCount(key, value)) return String(value);
  return floatText(Number.isFinite(value) ? roundHalfEven(value, 4) : value);
}

/** True for a whole number that Trainer holds as an int: `train_samples`, `eval_samples`. */
export function isCount(key: string, value: number): boolean {
  return key.endsWith("_samples") && Number.isInteger(value);
}

const toInteger = (value: number | bigint) => (typeof value === "bigint" ? value : BigInt(Math.trunc(value)));

/** Seconds as Python's `timedelta` and two truncated decimals: "0:58:16.56", "1 day, 1:01:01.23". */
export function runtimeText(seconds: number): string {
  const whole = Math.trunc(seconds);
  const centiseconds = Math.trunc(Math.abs(seconds - whole) * 100);
  const days = Math.floor(whole / 86400);
  const rest = whole - days * 86400;
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = `${Math.floor(rest / 3600)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  const prefix = days === 0 ? "" : `${days} day${Math.abs(days) === 1 ? "" : "s"}, `;
  return `${prefix}${clock}.${two(centiseconds)}`;
}

/** The block Trainer prints for a split, keys sorted and aligned, ending in a line break. */
export function logMetrics(split: string, metrics: TrainerMetrics): string {
  const formatted = metricsFormat(metrics);
  const keys = Object.keys(formatted).sort();
  const keyWidth = Math.max(0, ...keys.map((key) => key.length));
  const valueWidth = Math.max(0, ...keys.map((key) => formatted[key]!.length));
  const lines = keys.map((key) => `  ${key.padEnd(keyWidth)} = ${formatted[key]!.padStart(valueWidth)}\n`);
  return `***** ${split} metrics *****\n${lines.join("")}`;
}

/** The same without alignment, as model cards quote it: "epoch = 0.55", one per line. */
export function metricLines(metrics: TrainerMetrics): string {
  const formatted = metricsFormat(metrics);
  const keys = Object.keys(formatted).sort();
  return keys.map((key) => `${key} = ${formatted[key]}`).join("\n");
}

/**
 * Trainer's run time and rates. It passes the *planned* samples and steps for training, also when training stopped
 * early, so its rates then overstate; see `accounting.ts` for the true ones.
 * @param runtimeSeconds wall clock.
 * @see transformers v4.27.4 src/transformers/trainer_utils.py, `speed_metrics`.
 */
export function speedMetrics(
  split: string,
  runtimeSeconds: number,
  { samples, steps }: { readonly samples?: number; readonly steps?: number },
): Record<string, number> {
  const rate = (count: number) => roundHalfEven(count / runtimeSeconds, 3);
  return {
    [`${split}_runtime`]: roundHalfEven(runtimeSeconds, 4),
    ...(samples !== undefined && { [`${split}_samples_per_second`]: rate(samples) }),
    ...(steps !== undefined && { [`${split}_steps_per_second`]: rate(steps) }),
  };
}

/**
 * Trainer's `total_flos`: 6 × (elements of pixel_values seen) × parameters. It counts every pixel value as a token of
 * a language model, so for images it is hundreds of times the arithmetic done.
 * @param pixelCount B·C·H·W summed over the steps.
 * @see transformers v4.27.4, `floating_point_ops`.
 */
export function totalFlos(pixelCount: number | bigint, parameters: number | bigint): bigint {
  return 6n * BigInt(pixelCount) * BigInt(parameters);
}

/**
 * Trainer's epoch after a number of optimizer steps: completed steps by steps of an epoch, rounded to 2 decimals as
 * `log()` did up to v4.39.
 */
export function epochAfter(steps: number, stepsPerEpoch: number): number {
  return roundHalfEven(steps / stepsPerEpoch, 2);
}
