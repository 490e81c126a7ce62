import { add, exp, log, mul, neg, relu, sub } from "../graph/elementwise.ts";
import { gatherElements } from "../graph/indexing.ts";
import { reshape } from "../graph/layout.ts";
import { logSoftmax } from "../graph/normalize.ts";
import { reduceMean, reduceSum } from "../graph/reduce.ts";
import { scalar, type Value } from "../graph/value.ts";

/**
 * Mean cross-entropy against target distributions: logits and targets [n, K] → []. Labels are one-hot rows; label
 * smoothing and mixing are other rows.
 */
export function softCrossEntropy(logits: Value, targets: Value): Value {
  return neg(reduceMean(reduceSum(mul(logSoftmax(logits), targets), [1], false), [0], false));
}

/** Mean cross-entropy against int64 class indices: logits [n, K], labels [n] → []. */
export function crossEntropy(logits: Value, labels: Value): Value {
  const picked = gatherElements(logSoftmax(logits), reshape(labels, [labels.shape[0]!, 1]));
  return neg(reduceMean(picked, [0, 1], false));
}

/** Mean squared error of values of the same shape. */
export function meanSquaredError(x: Value, target: Value): Value {
  const difference = sub(x, target);
  return reduceMean(mul(difference, difference), [...x.shape.keys()], false);
}

/** |x| as 2 max(x, 0) − x, whose slope at 0 is −1. */
export function magnitude(x: Value): Value {
  const positive = relu(x);
  return sub(add(positive, positive), x);
}

/**
 * Mean binary cross-entropy of logits against targets in [0, 1]: max(x, 0) − x t + log(1 + e^−|x|).
 *
 * At x = 0, where a head that starts from zeros lies, the slopes chosen for max and |x| agree (0 and −1), and the
 * gradient is σ(0) − t = ½ − t.
 */
export function binaryCrossEntropy(logits: Value, targets: Value): Value {
  const positive = relu(logits);
  const loss = add(sub(positive, mul(logits, targets)), log(add(exp(neg(magnitude(logits))), scalar(1))));
  return reduceMean(loss, [...logits.shape.keys()], false);
}
