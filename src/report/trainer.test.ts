import { describe, expect, it } from "vitest";
import { epochAfter, logMetrics, metricLines, metricsFormat, runtimeText, speedMetrics, totalFlos } from "./trainer.ts";

describe("the reference card's run", () => {
  // BEiT-base with shared bias, mask token and 2 labels; 500 steps of 16 of 3 × 224 × 224 (4 epochs of 902 planned)
  const pixelCount = 500 * 16 * 3 * 224 * 224;

  it("claims 576468516GF", () => {
    const flos = totalFlos(pixelCount, 85_667_666);
    expect(flos).toBe(618978356527104000n);
    expect(metricsFormat({ total_flos: flos }).total_flos).toBe("576468516GF");
  });

  it("prints its training block", () => {
    const metrics = {
      ...speedMetrics("train", 3496.56123, { samples: 4 * 14428, steps: 4 * 902 }),
      train_loss: 0.15104,
      total_flos: totalFlos(pixelCount, 85_667_666),
      epoch: epochAfter(500, 902),
    };
    expect(metricLines(metrics)).toBe(
      "epoch = 0.55\ntotal_flos = 576468516GF\ntrain_loss = 0.151\ntrain_runtime = 0:58:16.56\ntrain_samples_per_second = 16.505\ntrain_steps_per_second = 1.032",
    );
  });

  it("prints its evaluation rates", () => {
    const speed = speedMetrics("eval", 193.0285, { samples: 3596, steps: 450 });
    expect(metricsFormat(speed)).toEqual({
      eval_runtime: "0:03:13.02",
      eval_samples_per_second: "18.629",
      eval_steps_per_second: "2.331",
    });
  });
});

describe("metricsFormat", () => {
  it("tells counts from floats", () => {
    expect(metricsFormat({ train_samples: 14428, epoch: 3, n: 7n, note: "x", eval_loss: Number.NaN })).toEqual({
      train_samples: "14428",
      epoch: "3.0",
      n: "7",
      note: "x",
      eval_loss: "nan",
    });
  });

  it("keeps days apart as timedelta does", () => {
    expect(["0:00:00.00", "2 days, 0:00:00.50"]).toEqual([runtimeText(0), runtimeText(172800.5)]);
  });

  it("prints a heading for no metrics", () => {
    expect(logMetrics("eval", {})).toBe("***** eval metrics *****\n");
  });
});
