/** What a run tells as it goes. */
export type RunEvent<Metrics> =
  | ({ readonly kind: "start" } & StartReport)
  | ({ readonly kind: "step" } & StepReport)
  | {
      readonly kind: "evaluation";
      readonly step: number;
      readonly epoch: number;
      readonly metrics: Metrics;
      /** Better than all before it. */
      readonly best: boolean;
    }
  /** Pictures found unreadable for the first time, in a step or an evaluation. */
  | { readonly kind: "unreadable"; readonly step: number; readonly messages: readonly string[]; readonly total: number }
  | { readonly kind: "checkpoint"; readonly step: number }
  | { readonly kind: "interrupted"; readonly step: number };

/** What is about to happen. */
export interface StartReport {
  /** Pictures drawn per epoch, and those validated on. */
  readonly samples: number;
  readonly validation: number;
  readonly classes: readonly string[];
  /** Scalar parameters of the model. */
  readonly parameters: number;
  /** The preset or checkpoint, and how many of its tensors were taken over. */
  readonly from: string;
  readonly loaded: number;
  readonly totalSteps: number;
  /** Steps done already, when resumed. */
  readonly step: number;
}

/** Means since the last report. */
export interface StepReport {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly loss: number;
  /** What the task tells beside it, by name. */
  readonly figures: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly gradientNorm: number;
  readonly imagesPerSecond: number;
  readonly etaSeconds: number;
  /** Shares of the time in which the step waited for pictures, and made its inputs of them: noise, masks, tokens. */
  readonly waitingShare: number;
  readonly preparingShare: number;
}
