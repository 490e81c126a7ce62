/** A value for each optimizer step, counted from 0. */
export type Schedule = (step: number) => number;

/** The shape of a schedule. */
export interface ScheduleOptions {
  /** Value at the end of the warm-up. */
  readonly base: number;
  /** Steps of the whole run; beyond them the last value stays. */
  readonly totalSteps: number;
  /** Steps spent rising to `base`; 0 by default. */
  readonly warmupSteps?: number;
  /** Value of the first warm-up step (`"cosine"` only); 0 by default: that step changes nothing. */
  readonly warmupStart?: number;
  /** Value approached at the end (`"cosine"` only); 0 by default. */
  readonly final?: number;
}

/**
 * unilm's: the warm-up reaches `base` on its last step (linspace, both ends included), then
 * `final + (base - final) / 2 * (1 + cos(pi i / n))`, i = 0 … n - 1, which never quite reaches `final`.
 */
function cosine(options: ScheduleOptions): Schedule {
  const { base, totalSteps, warmupSteps = 0, warmupStart = 0, final = 0 } = options;
  const n = totalSteps - warmupSteps;
  const rise = warmupSteps > 1 ? (base - warmupStart) / (warmupSteps - 1) : 0;
  return (step) => {
    if (step < warmupSteps) return step > 0 && step === warmupSteps - 1 ? base : warmupStart + rise * step;
    const i = Math.min(step - warmupSteps, n - 1);
    return final + 0.5 * (base - final) * (1 + Math.cos((Math.PI * i) / n));
  };
}

/** Hugging Face's: `base` is reached on the first step after the warm-up, then a straight line to 0. */
function linear({ base, totalSteps, warmupSteps = 0 }: ScheduleOptions): Schedule {
  return (step) => {
    if (step < warmupSteps) return (base * step) / warmupSteps;
    return (base * Math.max(0, totalSteps - step)) / Math.max(1, totalSteps - warmupSteps);
  };
}

function constant({ base, warmupSteps = 0 }: ScheduleOptions): Schedule {
  return (step) => (step < warmupSteps ? (base * step) / warmupSteps : base);
}

const kinds = { cosine, linear, constant };

/** `"cosine"` as in BEiT's recipes, `"linear"` and `"constant"` as in transformers' Trainer. */
export type ScheduleKind = keyof typeof kinds;

/**
 * A learning rate for every step, or a weight decay that moves from `base` to `final`.
 * @see microsoft/unilm beit/utils.py cosine_scheduler; transformers optimization.py get_linear_schedule_with_warmup
 */
export function schedule(kind: ScheduleKind, options: ScheduleOptions): Schedule {
  return kinds[kind](options);
}

/**
 * Warm-up steps as unilm counts them: epochs times steps, unless `warmupSteps` is positive, which counts only when
 * `warmupEpochs` is positive too (the original asserts out otherwise; here there is then no warm-up).
 */
export function unilmWarmupSteps(stepsPerEpoch: number, warmupEpochs: number, warmupSteps = -1): number {
  if (warmupEpochs <= 0) return 0;
  return warmupSteps > 0 ? warmupSteps : warmupEpochs * stepsPerEpoch;
}
