import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseConfig, taskOf } from "../../src/beit/config.ts";
import { parameterCount, parameterShapes } from "../../src/evaluate/model.ts";
import { goldenFolder } from "./golden.ts";

interface Layout {
  class: string;
  num_parameters: number;
  num_tensors: number;
  config_overrides: Record<string, unknown>;
  parameters_layer0_and_rest: Record<string, number[]>;
}

const layouts = JSON.parse(readFileSync(join(goldenFolder, "param_lists/hf.json"), "utf8")) as Record<string, Layout>;

describe("parameters of the published checkpoints, as a trace lists them", () => {
  it.each(Object.entries(layouts))("%s", (_, layout) => {
    const { num_labels: labels = 2, ...overrides } = layout.config_overrides;
    const json = {
      ...overrides,
      architectures: [layout.class],
      id2label: Object.fromEntries(Array.from({ length: labels as number }, (_, i) => [i, `LABEL_${i}`])),
    };
    const shapes = parameterShapes(parseConfig(json, "config.json"), taskOf(json)!);
    expect(parameterCount(shapes)).toBe(layout.num_parameters);
    expect(shapes.size).toBe(layout.num_tensors);
    const first = [...shapes].filter(([name]) => !/layer\.[1-9]/.test(name));
    const traced = Object.fromEntries(first.map(([name, { shape }]) => [name, [...shape]]));
    expect(traced).toEqual(layout.parameters_layer0_and_rest);
  });
});
