import type { Task } from "../beit/config.ts";
import { traceOutputs } from "../beit/outputs.ts";
import { fold } from "../graph/fold.ts";
import { lower } from "../graph/lower.ts";
import type { Outputs } from "../graph/rewrite.ts";
import type { Value } from "../graph/value.ts";
import { BeitError } from "../platform/errors.ts";
import { evaluate } from "../session/session.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ForwardModel, readForwardInputs, type Tensors } from "./forward-inputs.ts";

const defaults: Record<Task, readonly string[]> = {
  classification: ["logits", "loss"],
  features: ["last_hidden_state", "pooled_output"],
  "masked-image-modelling": ["logits", "masked_logits", "loss"],
};

/** Names for people: one for each family that differs in a layer's number or a parameter's name. */
function families(names: readonly string[]): string {
  const short = names.map((name) => name.replace(/^grad\..*/, "grad.PARAMETER").replace(/\.\d+$/, ".N"));
  return [...new Set(short)].join(", ");
}

/**
 * The outputs asked for: `"all"`, names (`*` stands for any characters), or by default what Hugging Face's model returns.
 * @throws BeitError `forward/unknown-output` naming those there are
 */
export function selectOutputs(outputs: Outputs, task: Task, wanted?: readonly string[]): Record<string, Value> {
  const names = Object.keys(outputs);
  const matches = (pattern: string) => {
    const expression = new RegExp(
      `^${pattern
        .split("*")
        .map((part) => part.replace(/[^\w]/g, "\\$&"))
        .join(".*")}$`,
      "s",
    );
    const found = pattern === "all" ? names : names.filter((name) => expression.test(name));
    if (found.length > 0) return found;
    const hint = /^(loss|grad)/.test(pattern) ? "; loss and gradients need labels among the inputs" : "";
    throw new BeitError(
      "forward/unknown-output",
      `output "${pattern}": there is none of this name; there are ${families(names)}${hint}`,
    );
  };
  const chosen = wanted ? wanted.flatMap(matches) : defaults[task].filter((name) => name in outputs);
  return Object.fromEntries(chosen.map((name) => [name, outputs[name]!]));
}

/**
 * Runs a model on tensors as Hugging Face's takes them and returns named tensors: the tool for comparing implementations.
 * Only what the outputs need is computed.
 * @param options.outputs names; see {@link selectOutputs}
 * @throws BeitError `forward/…` as {@link readForwardInputs} and {@link selectOutputs}
 */
export async function forward(
  model: ForwardModel & { readonly parameters: Tensors },
  given: Tensors,
  options: { readonly outputs?: readonly string[] } = {},
): Promise<{ outputs: Record<string, Tensor>; ignored: readonly string[] }> {
  const inputs = readForwardInputs(given, model);
  const { outputs } = traceOutputs(model.config, model.task, inputs);
  const graph = lower(fold(selectOutputs(outputs, model.task, options.outputs)));
  const results = await evaluate(graph, { ...Object.fromEntries(model.parameters), ...inputs.feeds });
  return { outputs: results, ignored: inputs.ignored };
}
