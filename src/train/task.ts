import type { Batch, Loader } from "../dataset/loader.ts";
import type { Preparation } from "../dataset/reader.ts";
import type { TrainingGraphs } from "../graph/training.ts";
import type { Value } from "../graph/value.ts";
import type { ParameterGroup } from "../optim/groups.ts";
import type { TrainingData } from "./data.ts";
import type { Settings } from "./settings.ts";
import type { Parameters } from "./state.ts";
import type { MicroBatch, StepResult } from "./stepper.ts";

/** What an evaluation comes to. */
export interface Judgement<Metrics> {
  readonly metrics: Metrics;
  /** For the history, by name: `eval_loss` … */
  readonly figures: Readonly<Record<string, number>>;
  /** What chooses the weights that are kept. */
  readonly value: number;
  /** Of the pictures that could not be read, and were left out. */
  readonly unreadable?: readonly string[];
}

/**
 * What a run trains: everything the loop cannot know. Fine-tuning, masked image modelling and the image tokenizer are
 * tasks; the loop that runs them is one.
 */
export interface Task<Model, Metrics> {
  readonly recipe: Settings;
  readonly data: TrainingData;
  /** The state before the first step. */
  readonly parameters: Parameters;
  /** The preset or checkpoint, and the parameters that were taken over from it. */
  readonly from: string;
  readonly loaded: readonly string[];
  readonly groups: ReadonlyMap<string, ParameterGroup>;
  /** Whether one micro-batch fills all cores: else each core has its own. */
  readonly wide: boolean;
  readonly microBatch: number;
  readonly graphs: TrainingGraphs;
  readonly inputs: readonly Value[];
  readonly preparation: Preparation;
  /** Opens what gives batches of other inputs than prepared pictures, by the parameters that a run goes on from. */
  openLoader?(parameters: Parameters): Promise<Loader>;
  /** Cuts the batch of a step, counted from 0, into micro-batches. */
  microBatches(batch: Batch, step: number): Promise<readonly MicroBatch[]> | readonly MicroBatch[];
  /** What to tell of a step beside its loss, by name, from what the micro-batches reported. */
  figures?(reports: StepResult["reports"]): Readonly<Record<string, number>>;
  /** The model that parameters make; they are not copied. */
  model(parameters: Parameters): Model;
  evaluate(model: Model): Promise<Judgement<Metrics>>;
  /** Whether a smaller value of {@link Judgement} is the better one. */
  readonly lessIsBetter: boolean;
  /** Writes a model into a folder of the run, and reads it again. */
  save(folder: string, model: Model): Promise<void>;
  load(folder: string): Promise<Model>;
  /** The task's recipe as a run before this one saved it, keys that came later filled in. */
  parseRecipe(json: unknown, name: string): Settings;
  close(): Promise<void>;
}
