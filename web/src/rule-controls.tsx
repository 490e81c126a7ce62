import { percent, type Rule, words } from "./decision.ts";

interface RuleControlsProps {
  readonly rule: Rule;
  readonly labels: readonly string[];
  readonly onRule: (rule: Rule) => void;
}

/** The threshold and the band in which the answer is "unsure". */
export function RuleControls({ rule, labels, onRule }: RuleControlsProps) {
  const { label, threshold, band } = rule;
  const [low, high] = [threshold - band, threshold + band].map((score) => percent(Math.min(1, Math.max(0, score))));
  return (
    <section class="card controls" aria-label="When is it one?">
      <h2>When it counts</h2>
      <p class="hint">
        “{words(label)}” from {high} on; <em>unsure</em> between {low} and {high}.
      </p>
      {labels.length > 2 && (
        <label>
          Class
          <select value={label} onChange={({ currentTarget }) => onRule({ ...rule, label: currentTarget.value })}>
            {labels.map((name) => (
              <option key={name} value={name}>
                {words(name)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Slider text="Threshold" value={threshold} max={1} onValue={(value) => onRule({ ...rule, threshold: value })} />
      <Slider text="Unsure band, ±" value={band} max={0.5} onValue={(value) => onRule({ ...rule, band: value })} />
    </section>
  );
}

interface SliderProps {
  readonly text: string;
  readonly value: number;
  readonly max: number;
  readonly onValue: (value: number) => void;
}

const Slider = ({ text, value, max, onValue }: SliderProps) => (
  <label class="slider">
    <span>
      {text} <span aria-hidden="true">{percent(value)}</span>
    </span>
    <input
      type="range"
      min="0"
      max={max}
      step="0.01"
      value={value}
      aria-valuetext={percent(value)}
      onInput={({ currentTarget }) => onValue(Number(currentTarget.value))}
    />
  </label>
);
