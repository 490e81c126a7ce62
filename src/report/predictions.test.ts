import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { formatPredictions, type Prediction, predictionCsvLine } from "./predictions.ts";

const rows: Prediction[] = [
  {
    file: "a.jpg",
    predictions: [
      { label: "with_mask", score: 0.9931 },
      { label: "without_mask", score: 0.0069 },
    ],
  },
  {
    file: 'odd, "name"\n.jpg',
    predictions: [
      { label: "without_mask", score: 0.75 },
      { label: "with_mask", score: 0.25 },
    ],
  },
  { file: "broken.jpg", error: "not a picture, or truncated" },
];

describe("formatPredictions", () => {
  it("makes a table", () => {
    expect(formatPredictions(rows, "table")).toMatchInlineSnapshot(`
      "file                 label          score  others
      a.jpg                with_mask     0.9931  without_mask 0.0069
      odd, "name"\\x0a.jpg  without_mask  0.7500  with_mask 0.2500
      broken.jpg           error                 not a picture, or truncated"
    `);
  });

  it("makes CSV that a CSV reader takes back", () => {
    const csv = formatPredictions(rows, "csv");
    expect(csv.split("\r\n")[0]).toBe("file,label,score,label_2,score_2,error");
    expect(csv.split("\r\n")[1]).toBe("a.jpg,with_mask,0.9931,without_mask,0.0069,");
    expect(parse(csv, { columns: true, record_delimiter: "\r\n" })).toEqual([
      { file: "a.jpg", label: "with_mask", score: "0.9931", label_2: "without_mask", score_2: "0.0069", error: "" },
      {
        file: 'odd, "name"\n.jpg',
        label: "without_mask",
        score: "0.75",
        label_2: "with_mask",
        score_2: "0.25",
        error: "",
      },
      { file: "broken.jpg", label: "", score: "", label_2: "", score_2: "", error: "not a picture, or truncated" },
    ]);
  });

  it("keeps CSV columns fixed whatever a row holds", () => {
    expect(predictionCsvLine(rows[0]!, 1)).toBe("a.jpg,with_mask,0.9931,\r\n");
    expect(predictionCsvLine(rows[0]!, 3)).toBe("a.jpg,with_mask,0.9931,without_mask,0.0069,,,\r\n");
  });

  it("makes JSON and JSON lines of the same records", () => {
    const records = JSON.parse(formatPredictions(rows, "json"));
    const lines = formatPredictions(rows, "jsonl").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(records);
    expect(records[0]).toEqual({
      file: "a.jpg",
      label: "with_mask",
      score: 0.9931,
      predictions: [
        { label: "with_mask", score: 0.9931 },
        { label: "without_mask", score: 0.0069 },
      ],
    });
    expect(records[2]).toEqual({ file: "broken.jpg", error: "not a picture, or truncated" });
  });

  it("copes with nothing", () => {
    expect(formatPredictions([], "csv")).toBe("file,label,score,error\r\n");
    expect(formatPredictions([], "jsonl")).toBe("");
    expect(formatPredictions([], "json")).toBe("[]");
  });
});
