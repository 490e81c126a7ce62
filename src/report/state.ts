import { type PythonValue, pythonJson } from "./python.ts";
import { isCount, type TrainerMetrics } from "./trainer.ts";

/** One line of the training history: Trainer's keys, `step` and `epoch` always, the rest as measured. */
export interface LogEntry {
  readonly step: number;
  readonly epoch: number;
  readonly loss?: number;
  readonly learning_rate?: number;
  readonly eval_loss?: number;
  readonly eval_accuracy?: number;
  readonly [key: string]: number | string | undefined;
}

/** What `trainer_state.json` says. */
export interface TrainerState {
  readonly epoch: number;
  /** Optimizer steps done. */
  readonly globalStep: number;
  /** Optimizer steps planned. */
  readonly maxSteps: number;
  readonly numTrainEpochs: number;
  /** As `totalFlos` counts. */
  readonly totalFlos: number | bigint;
  readonly logHistory: readonly LogEntry[];
  /** Value of the metric that chooses the best checkpoint; null when none is chosen. */
  readonly bestMetric: number | null;
  readonly bestModelCheckpoint: string | null;
}

/**
 * Content of `train_results.json`, `eval_results.json` or `all_results.json`, as Trainer's `save_metrics` writes it:
 * keys sorted, four spaces, floats as Python's.
 */
export function resultsJson(metrics: TrainerMetrics): string {
  const entries = Object.entries(metrics).map(([key, value]): [string, PythonValue] => [key, resultValue(key, value)]);
  return pythonJson(Object.fromEntries(entries), 4);
}

/** The metrics of `all_results.json`: those of all splits, later ones winning on equal keys. */
export function allResults(...splits: readonly TrainerMetrics[]): TrainerMetrics {
  return Object.assign({}, ...splits);
}

/** total_flos is a float in Trainer's metrics; whole-numbered `_samples` are ints. */
function resultValue(key: string, value: TrainerMetrics[string]): PythonValue {
  if (key === "total_flos") return Number(value);
  return typeof value === "number" && isCount(key, value) ? BigInt(value) : value;
}

/**
 * Content of `trainer_state.json`; only keys of v4.27.4, so that
 * `TrainerState.load_from_json` of that and later versions knows each.
 * @see transformers v4.27.4 src/transformers/trainer_callback.py, `TrainerState`.
 */
export function trainerStateJson(state: TrainerState): string {
  const value = {
    best_metric: state.bestMetric,
    best_model_checkpoint: state.bestModelCheckpoint,
    epoch: state.epoch,
    global_step: BigInt(state.globalStep),
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: state.logHistory.map(historyEntry),
    max_steps: BigInt(state.maxSteps),
    num_train_epochs: BigInt(Math.ceil(state.numTrainEpochs)),
    total_flos: Number(state.totalFlos),
    trial_name: null,
    trial_params: null,
  };
  return `${pythonJson(value, 2)}\n`;
}

function historyEntry(entry: LogEntry): { [key: string]: PythonValue | undefined } {
  return { ...entry, step: BigInt(entry.step) };
}
