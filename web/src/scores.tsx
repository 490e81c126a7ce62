import type { ClassScore } from "beit";
import { decide, percent, type Rule, UNSURE, words } from "./decision.ts";

interface ScoresProps {
  readonly scores: readonly ClassScore[];
  readonly rule: Rule;
}

const MOST = 5; // classes shown

/** The answer by the rule. */
export const Verdict = ({ scores, rule }: ScoresProps) => {
  const answer = decide(scores, rule);
  const kind = answer === UNSURE ? "unsure" : answer === rule.label ? "yes" : "no";
  return <span class={`verdict ${kind}`}>{words(answer)}</span>;
};

/** The best classes with their scores as bars; the rule's class shows threshold and band. */
export const ScoreBars = ({ scores, rule }: ScoresProps) => (
  <dl class="bars">
    {scores.slice(0, MOST).map(({ label, score }) => (
      <div key={label}>
        <dt>{words(label)}</dt>
        <dd>
          <span class="value">{percent(score)}</span>
          <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="track" width="100" height="8" />
            {label === rule.label && (
              <rect class="band" x={100 * (rule.threshold - rule.band)} width={200 * rule.band} height="8" />
            )}
            <rect class="fill" width={100 * score} height="8" />
            {label === rule.label && <rect class="mark" x={100 * rule.threshold - 0.4} width="0.8" height="8" />}
          </svg>
        </dd>
      </div>
    ))}
  </dl>
);
