import type { EngineSession } from "#platform/engine";
import { coreCount } from "#platform/machine";
import type { BeitConfig } from "../beit/config.ts";
import { type ExplanationMethod, traceExplanation } from "../beit/explain.ts";
import { fold } from "../graph/fold.ts";
import { lower } from "../graph/lower.ts";
import { preprocess } from "../image/processor.ts";
import { BeitError } from "../platform/errors.ts";
import { compile } from "../session/session.ts";
import type { Pixels } from "../tensor/pixels.ts";
import { float32 } from "../tensor/tensor.ts";
import { checkResized } from "./batch.ts";
import type { FloatClassifier } from "./predictor.ts";
import { scoresOf } from "./scores.ts";

/** What a model looked at in one picture. */
export interface Explanation {
  readonly method: ExplanationMethod;
  /** Of all classes. */
  readonly logits: Float32Array;
  /** The class that is explained, and what the model gives it. */
  readonly label: string;
  readonly score: number;
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns], one value for each patch, the largest being 1; all 0 where nothing speaks for the class. */
  readonly heat: Float32Array;
}

/** Explains single pictures. */
export interface Explainer {
  /**
   * @param label the class to explain; default: the one the model answers with
   * @throws BeitError `explain/unknown-label`
   */
  explain(pixels: Pixels, label?: string): Promise<Explanation>;
  close(): Promise<void>;
}

/** The largest value becomes 1. */
function scaled(values: Float32Array): Float32Array {
  const largest = values.reduce((a, b) => Math.max(a, b), 0);
  return values.map((value) => (largest > 0 ? Math.max(0, value) / largest : 0));
}

/** Index of a class. @throws BeitError `explain/unknown-label` */
export function requireLabel(label: string, { labels }: Pick<BeitConfig, "labels">): number {
  const index = labels.indexOf(label);
  if (index >= 0) return index;
  throw new BeitError("explain/unknown-label", `label "${label}": the model knows ${labels.join(", ")}`);
}

/** Compiles a classifier together with what it attends to. */
export async function createExplainer(
  { config, processor, parameters }: FloatClassifier,
  method: ExplanationMethod = "gradient",
): Promise<Explainer> {
  const { trace, outputs } = traceExplanation(config, method);
  const weights = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const session = await compile(lower(fold({ ...outputs })), { weights, threads: coreCount() });
  return createExplanations(session, { config, processor }, method);
}

/** Explains by a compiled graph `pixel_values`, `class` (with gradients) → `logits`, `heat`. */
export function createExplanations(
  session: EngineSession,
  { config, processor }: Pick<FloatClassifier, "config" | "processor">,
  method: ExplanationMethod,
): Explainer {
  const { labels, numChannels, imageSize } = config;
  const readsClass = session.inputNames.includes("class");

  const run = async (data: Float32Array, index: number) => {
    const oneHot = Float32Array.from(labels, (_, k) => (k === index ? 1 : 0));
    const feeds = {
      pixel_values: float32(data, [1, numChannels, ...imageSize]),
      ...(readsClass ? { class: float32(oneHot, [1, labels.length]) } : {}),
    };
    const { logits, heat } = await session.run(feeds);
    return { logits: logits!.data as Float32Array, heat: heat! };
  };

  return {
    async explain(pixels, label) {
      const wanted = label === undefined ? undefined : requireLabel(label, config);
      checkResized(undefined, pixels, processor);
      const { data } = preprocess(pixels, processor);
      const first = await run(data, wanted ?? 0);
      const scores = scoresOf(first.logits, config);
      const index = wanted ?? scores.indexOf(scores.reduce((a, b) => Math.max(a, b)));
      const { heat, logits } = index === (wanted ?? 0) ? first : await run(data, index);
      const [rows, columns] = heat.shape as [number, number];
      const values = scaled(heat.data as Float32Array);
      return { method, logits, label: labels[index]!, score: scores[index]!, rows, columns, heat: values };
    },
    close: () => session.release(),
  };
}
