import { describe, expect, it } from "vitest";
import { allResults, resultsJson, trainerStateJson } from "./state.ts";

describe("result files", () => {
  it("are what save_metrics writes", () => {
    const train = { train_loss: 0.15104, total_flos: 618978356527104000n, epoch: 4, train_samples: 14428 };
    expect(resultsJson(train)).toBe(
      '{\n    "epoch": 4.0,\n    "total_flos": 6.18978356527104e+17,\n    "train_loss": 0.15104,\n    "train_samples": 14428\n}',
    );
    expect(allResults(train, { eval_loss: 0.08, epoch: 3.5 })).toEqual({ ...train, eval_loss: 0.08, epoch: 3.5 });
  });

  it("hold the trainer's state with its types", () => {
    const json = trainerStateJson({
      epoch: 1,
      globalStep: 902,
      maxSteps: 3608,
      numTrainEpochs: 4,
      totalFlos: 6.0,
      logHistory: [{ epoch: 1, step: 902, loss: 0.25, learning_rate: 2e-5, eval_loss: undefined }],
      bestMetric: 0.975,
      bestModelCheckpoint: null,
    });
    expect(json).toBe(`{
  "best_metric": 0.975,
  "best_model_checkpoint": null,
  "epoch": 1.0,
  "global_step": 902,
  "is_hyper_param_search": false,
  "is_local_process_zero": true,
  "is_world_process_zero": true,
  "log_history": [
    {
      "epoch": 1.0,
      "learning_rate": 2e-05,
      "loss": 0.25,
      "step": 902
    }
  ],
  "max_steps": 3608,
  "num_train_epochs": 4,
  "total_flos": 6.0,
  "trial_name": null,
  "trial_params": null
}
`);
  });
});
