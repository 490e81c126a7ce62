import type { Calibration } from "../evaluate/calibrate.ts";
import { visibleText } from "../platform/visible.ts";
import { countText, decimalText } from "./numbers.ts";
import { formatTable, type TextStyle } from "./table.ts";

const headline = ({ before, after }: Calibration) =>
  ({ before, after }) as const satisfies Record<string, Calibration["before"]>;

const shifts = ({ model, shift }: Calibration) =>
  model.config.labels.flatMap((label, k) => (shift[k] === 0 ? [] : [[label, shift[k]!] as const]));

/** The JSON of a calibration, keys in snake case. */
export function calibrationRecord(result: Calibration) {
  const { temperature, split, fitted, before, unreadable } = result;
  const figures = Object.entries(headline(result)).map(([name, metrics]) => {
    const { accuracy, balanced_accuracy, loss, expected_calibration_error } = metrics;
    return [name, { accuracy, balanced_accuracy, loss, expected_calibration_error }] as const;
  });
  return {
    temperature,
    shift: Object.fromEntries(shifts(result)),
    split,
    pictures_fitted: fitted,
    pictures: before.samples,
    ...Object.fromEntries(figures),
    unreadable,
  };
}

/** What was done to the logits, in words. */
export function calibrationSentence(result: Calibration): string {
  const { temperature, split, fitted, before } = result;
  const added = shifts(result).map(([label, value]) => `${value > 0 ? "+" : ""}${value} for ${label}`);
  return (
    `Logits divided by ${decimalText(temperature, 3)}${added.length > 0 ? `, then ${added.join(", ")}` : ""}: ` +
    `fitted on ${countText(fitted)} pictures of ${split}, measured on ${countText(before.samples)} others.`
  );
}

/** A calibration as text: both forms side by side. */
export function formatCalibration(result: Calibration, style: TextStyle = {}): string {
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = ["accuracy", "balanced accuracy", "loss", "expected calibration error"].map(right);
  const rows = Object.entries(headline(result)).map(([name, metrics]) => [
    name,
    ...[metrics.accuracy, metrics.balanced_accuracy, metrics.loss, metrics.expected_calibration_error].map((x) =>
      decimalText(x),
    ),
  ]);
  return `${formatTable([{ title: "" }, ...columns], rows, style)}\n\n${visibleText(calibrationSentence(result))}`;
}
