import { add, div, exp, log, mul, neg, sub } from "../graph/elementwise.ts";
import { logSoftmax, softmax } from "../graph/normalize.ts";
import { reduceMean, reduceSum } from "../graph/reduce.ts";
import { scalar, type Value } from "../graph/value.ts";
import { magnitude } from "../nn/loss.ts";
import type { Scope } from "../nn/scope.ts";
import { CELL, type DvaeConfig } from "./config.ts";
import { decodeMixture, type PixelDistribution } from "./decoder.ts";
import { encode } from "./encoder.ts";

/**
 * Mean over pixels and channels of −ln of the logit-Laplace density, of mapped pixels x in (0, 1):
 * f(x) = exp(−|logit x − μ| / b) / (2 b x (1 − x)).
 * @see Ramesh et al. 2021, "Zero-shot text-to-image generation" (logit-Laplace distribution)
 */
export function logitLaplaceLoss({ location, logScale }: PixelDistribution, mapped: Value): Value {
  const complement = sub(scalar(1), mapped);
  const distance = magnitude(sub(log(div(mapped, complement)), location));
  const volume = add(log(mul(mapped, complement)), scalar(Math.LN2));
  const loss = add(add(mul(distance, exp(neg(logScale))), logScale), volume);
  return reduceMean(loss, [0, 1, 2, 3], false);
}

/** Mean over places of KL(q ‖ uniform) = Σ q ln q + ln V, q the softmax of logits [B, h, w, V]: 0 to ln V. */
export function divergenceFromUniform(logits: Value): Value {
  const logq = logSoftmax(logits);
  const negativeEntropy = reduceSum(mul(exp(logq), logq), [3], false);
  return add(reduceMean(negativeEntropy, [0, 1, 2], false), scalar(Math.log(logits.shape[3]!)));
}

/**
 * KL(q̄ ‖ uniform), q̄ the mean over places of the softmax of logits [B, h, w, V]: 0 where all codes are as frequent, ln V
 * where all places have the same. Unlike the mean of the places' divergences it does not mind that a place is certain.
 * @see Baevski et al. 2020, "wav2vec 2.0", 3.2 (diversity loss)
 */
export function divergenceOfFrequencies(logits: Value): Value {
  const frequencies = reduceMean(softmax(logits), [0, 1, 2], false);
  const logFrequencies = log(add(frequencies, scalar(1e-9)));
  return add(reduceSum(mul(frequencies, logFrequencies), [0], false), scalar(Math.log(logits.shape[3]!)));
}

/**
 * A relaxed draw of a code per place (Jang et al. 2017; Maddison et al. 2017): softmax((logits + γ) / τ) with γ Gumbel.
 * It is a one-hot row as τ → 0.
 * @param uniform random numbers strictly between 0 and 1, as the logits; γ = −ln(−ln u)
 * @param inverseTemperature 1/τ, a scalar
 */
export function gumbelSoftmax(logits: Value, uniform: Value, inverseTemperature: Value): Value {
  const gumbel = neg(log(neg(log(uniform))));
  return softmax(mul(add(logits, gumbel), inverseTemperature));
}

/** What a training step of the tokenizer is given, besides parameters. */
export interface TokenizerInputs {
  /** Mapped pixels [B, C, H, W]. */
  readonly mapped: Value;
  /** [B, H/8, W/8, V], strictly between 0 and 1. */
  readonly uniform: Value;
  /** 1/τ of the Gumbel softmax, a scalar. */
  readonly inverseTemperature: Value;
  /** β, a scalar. */
  readonly divergenceWeight: Value;
  /** Weight of the divergence of the codes' frequencies, a scalar. */
  readonly diversityWeight: Value;
}

/** The loss of a step and its parts, scalars; and the encoder's logits [B, H/8, W/8, V]. */
export interface TokenizerLoss {
  readonly loss: Value;
  readonly reconstruction: Value;
  readonly divergence: Value;
  readonly frequencyDivergence: Value;
  readonly logits: Value;
}

/**
 * The relaxed evidence lower bound, negated, per pixel and channel: −ln f + β KL / (3 · 8²), since the divergence is per
 * place, of which there is one for that many numbers; and, not DALL-E's, the divergence of the codes' frequencies, weighed
 * in the same way. DALL-E's β rises from 0 to 6.6 in 5,000 updates and stays, and its weight is β/192 as well: the whole loss
 * is divided by 256 · 256 · 3, and 32 · 32 places have a divergence.
 * @see Ramesh et al. 2021, "Zero-shot text-to-image generation", appendix A, as quoted in public implementations of it
 * @see https://github.com/openai/DALL-E/issues/8, where its author says what β is after the rise
 */
export function tokenizerLoss(scope: Scope, config: DvaeConfig, inputs: TokenizerInputs): TokenizerLoss {
  const { mapped, uniform, inverseTemperature, divergenceWeight, diversityWeight } = inputs;
  const logits = encode(scope.child("encoder"), config, mapped);
  const mixture = gumbelSoftmax(logits, uniform, inverseTemperature);
  const reconstruction = logitLaplaceLoss(decodeMixture(scope.child("decoder"), config, mixture), mapped);
  const divergence = divergenceFromUniform(logits);
  const frequencyDivergence = divergenceOfFrequencies(logits);
  const penalty = add(mul(divergence, divergenceWeight), mul(frequencyDivergence, diversityWeight));
  const loss = add(reconstruction, mul(penalty, scalar(1 / (config.numChannels * CELL ** 2))));
  return { loss, reconstruction, divergence, frequencyDivergence, logits };
}
