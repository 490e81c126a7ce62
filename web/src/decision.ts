import type { ClassScore } from "beit";

/** When a picture counts as one of a class: from the threshold on, unless it lies in the band around it. */
export interface Rule {
  readonly label: string;
  /** A score in 0 to 1. */
  readonly threshold: number;
  /** Half the width of the band in which the answer is "unsure". */
  readonly band: number;
}

export const UNSURE = "unsure";

/** The score of a class; 0 for one that is not there. */
export const scoreOf = (scores: readonly ClassScore[], label: string): number =>
  scores.find((entry) => entry.label === label)?.score ?? 0;

/** What the rule makes of scores: its class, the best of the others, or {@link UNSURE}. */
export function decide(scores: readonly ClassScore[], { label, threshold, band }: Rule): string {
  const score = scoreOf(scores, label);
  if (Math.abs(score - threshold) < band) return UNSURE;
  if (score >= threshold) return label;
  return scores.find((entry) => entry.label !== label)?.label ?? UNSURE;
}

/** A label as people write it. */
export const words = (label: string): string => label.replaceAll(/[_-]/g, " ");

/** A score in per cent; never 100 or 0 unless it is. */
export const percent = (score: number): string => {
  const rounded = (100 * score).toFixed(1);
  if (rounded === "100.0" && score < 1) return "> 99.9 %";
  if (rounded === "0.0" && score > 0) return "< 0.1 %";
  return `${rounded} %`;
};
