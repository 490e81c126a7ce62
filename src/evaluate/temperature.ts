import { expectedCalibrationError, reliability } from "./calibration.ts";
import { checkLabelledLogits, type LabelledLogits, meanCrossEntropy, outcomesOf } from "./logits.ts";

const LOWEST_TEMPERATURE = 0.01; // own choice: beyond, float32 logits saturate or lose all contrast
const HIGHEST_TEMPERATURE = 100;

/** How good the probabilities are. */
export interface CalibrationFigures {
  /** Mean cross-entropy in nats. */
  readonly loss: number;
  readonly expected_calibration_error: number;
}

/** A fitted temperature and what it changes on the samples it was fitted on. */
export interface TemperatureFit {
  /** Divide logits by this before softmax; above 1 the model was over-confident. */
  readonly temperature: number;
  readonly before: CalibrationFigures;
  readonly after: CalibrationFigures;
  /** True when the optimum lies outside 0.01..100: no errors to learn from, or worse than guessing. */
  readonly at_bound: boolean;
}

/**
 * The temperature that minimises the cross-entropy, so that probabilities mean something. Fit on samples the model was
 * not trained on and report on others; accuracy is unchanged.
 *
 * In β = 1/T the loss is convex: f(β) = mean(logsumexp(βz) − βz_y), f' = mean(E_p[z] − z_y), f'' = mean(Var_p[z]) ≥ 0.
 * Newton steps on f', kept inside the bracket that f' has the sign change in; bisection when a step leaves it.
 * @throws BeitError as `classificationMetrics`.
 * @see Guo et al. 2017, "On Calibration of Modern Neural Networks".
 */
export function fitTemperature(scored: LabelledLogits): TemperatureFit {
  checkLabelledLogits(scored);
  const temperature = 1 / bestScale(scored);
  const at_bound = temperature === LOWEST_TEMPERATURE || temperature === HIGHEST_TEMPERATURE;
  return { temperature, before: figures(scored, 1), after: figures(scored, temperature), at_bound };
}

/** The β = 1/T in [1/100, 100] with the lowest loss; 1 when the loss does not depend on it. */
function bestScale(scored: LabelledLogits): number {
  let low = 1 / HIGHEST_TEMPERATURE;
  let high = 1 / LOWEST_TEMPERATURE;
  let beta = 1;
  if (lossDerivatives(scored, beta).slope === 0) return beta; // already best, or all logits equal, or certain and right
  if (lossDerivatives(scored, high).slope <= 0) return high;
  if (lossDerivatives(scored, low).slope >= 0) return low;
  for (let i = 0; i < 100; i++) {
    const { slope, curvature } = lossDerivatives(scored, beta);
    const newton = beta - slope / curvature;
    if (Math.abs(newton - beta) <= 1e-12 * beta) break;
    if (slope > 0) high = beta;
    else low = beta;
    beta = newton > low && newton < high ? newton : (low + high) / 2;
  }
  return beta;
}

/** First and second derivative of the mean cross-entropy of βz with respect to β. */
function lossDerivatives({ logits, labels, classes }: LabelledLogits, beta: number) {
  const [n, K] = [labels.length, classes.length];
  let slope = 0;
  let curvature = 0;
  for (let i = 0; i < n; i++) {
    const row = logits.subarray(i * K, i * K + K);
    const own = row[labels[i]!]!;
    let top = -Infinity;
    for (const z of row) if (z > top) top = z;
    let sum = 0;
    let first = 0;
    let second = 0;
    for (const z of row) {
      const weight = Math.exp(beta * (z - top));
      sum += weight;
      first += weight * (z - own); // relative to the true class: the slope needs no subtraction of large sums
      second += weight * (z - own) ** 2;
    }
    slope += first / sum;
    curvature += second / sum - (first / sum) ** 2;
  }
  return { slope: slope / n, curvature: curvature / n };
}

function figures(scored: LabelledLogits, temperature: number): CalibrationFigures {
  const outcomes = outcomesOf(scored, temperature);
  return {
    loss: meanCrossEntropy(scored, outcomes, temperature),
    expected_calibration_error: expectedCalibrationError(reliability(scored.labels, outcomes)),
  };
}
