import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { logMetrics, metricsFormat, totalFlos } from "../../src/report/trainer.ts";

const path = new URL("../fixtures/golden/trainer_metrics/expected.json", import.meta.url);
const golden = JSON.parse(readFileSync(path, "utf8"));

describe("Hugging Face Trainer's printed metrics", () => {
  it.each(["train", "eval"])("%s block is equal byte for byte", (split) => {
    expect(logMetrics(split, golden[`${split}_in`])).toBe(golden[`${split}_out`]);
  });

  it("formats odd values equally", () => {
    const formatted = metricsFormat({ ...golden.other_in, f_int: BigInt(golden.other_in.f_int) });
    const expected = Object.entries(golden.other_out).map(([key, value]) => [key, String(value)]);
    expect(formatted).toEqual(Object.fromEntries(expected));
  });

  it.each(["pt22k_config_2labels", "per_layer_bias_2labels"])("total_flos of %s", (name) => {
    const { num_parameters, GF } = golden.total_flos[name];
    const flos = totalFlos(500 * 16 * 3 * 224 * 224, num_parameters);
    expect(metricsFormat({ total_flos: flos }).total_flos).toBe(`${GF}GF`);
    expect(Number(flos)).toBe(golden.total_flos[name].total_flos_500x16);
  });
});
