import type { ClassificationMetrics } from "../evaluate/classification.ts";
import type { Quantization } from "../quantize/quantize.ts";
import { countText, decimalText, percentText, siText } from "./numbers.ts";
import { formatTable, type TextStyle } from "./table.ts";

/** What a report says beside what was measured. */
export interface QuantizationOrigin {
  /** Name of the data set. */
  readonly dataset: string;
  /** Digests that tie the report to the weights and to the ONNX file. */
  readonly weights: string;
  readonly model: string;
}

const headline = ({ accuracy, balanced_accuracy, loss }: ClassificationMetrics) => ({
  accuracy,
  balanced_accuracy,
  loss,
});

/** Share of the multiply-accumulates that are done in int8. */
function int8Share({ parts }: Pick<Quantization, "parts">): number {
  const sum = (list: Quantization["parts"]) => list.reduce((total, { macs }) => total + macs, 0);
  return sum(parts.filter(({ precision }) => precision === "int8")) / sum(parts);
}

/** The JSON of a quantisation, keys in snake case: `onnx/quantization.json` and what `--json` prints. */
export function quantizationRecord(result: Quantization, { dataset, weights, model }: QuantizationOrigin) {
  const { heldOut, parts, split, activations, calibrationPictures, agreement } = result;
  return {
    weights_sha256: weights,
    model_sha256: model,
    model_bytes: result.model.byteLength,
    agreement: heldOut.agreement,
    worst_logit_error: heldOut.worstLogitError,
    pictures: heldOut.pictures,
    fp32: headline(heldOut.fp32),
    int8: headline(heldOut.int8),
    calibration: { dataset, split, pictures: calibrationPictures, agreement, activations },
    int8_share_of_macs: int8Share(result),
    parts: parts.map(({ name, precision, error, macs }) => ({ name, precision, logit_error_alone: error, macs })),
  };
}

/** A quantisation as text: both forms side by side, then what was left in float32, and the other parts by their error. */
export function formatQuantization(result: Quantization, style: TextStyle = {}): string {
  const { heldOut, split, activations, calibrationPictures, agreement } = result;
  const forms = (["fp32", "int8"] as const).map((name) => {
    const { accuracy, balanced_accuracy, loss } = heldOut[name];
    return [name, decimalText(accuracy), decimalText(balanced_accuracy), decimalText(loss)];
  });
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = [{ title: "form" }, right("accuracy"), right("balanced accuracy"), right("loss")];
  return [
    formatTable(columns, forms, style),
    "",
    `${percentText(heldOut.agreement, 2)} of ${countText(heldOut.pictures)} pictures answered alike, ` +
      `logits within ${decimalText(heldOut.worstLogitError)}`,
    `chosen by ${countText(calibrationPictures)} other pictures of ${split} (${percentText(agreement, 2)} alike), ` +
      `activations ${activations}; ${percentText(int8Share(result))} of the products with weights in int8`,
    "",
    partsTable(result, style),
  ].join("\n");
}

function partsTable({ parts }: Quantization, style: TextStyle): string {
  const columns = [{ title: "part" }, { title: "form" }, { title: "logit error alone", align: "right" as const }];
  const rows = [...parts]
    .sort((a, b) => a.precision.localeCompare(b.precision) || b.error - a.error)
    .map(({ name, precision, error, macs }) => [name, precision, error.toExponential(1), siText(macs, "MAC")]);
  return formatTable([...columns, { title: "arithmetic", align: "right" }], rows, style);
}
