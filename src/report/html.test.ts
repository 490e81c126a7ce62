import { describe, expect, it } from "vitest";
import { classificationMetrics } from "../evaluate/classification.ts";
import { type HtmlReport, htmlReport } from "./html.ts";

const metrics = classificationMetrics({
  logits: Float32Array.of(2, 0, 1, 0, 0, 2, 0, 1, 1, 0),
  labels: Int32Array.of(0, 0, 1, 1, 1),
  classes: ["with_mask", "<b>without</b>"],
});
const mistake = {
  file: 'a"><script>alert(1)</script>.jpg',
  label: "<b>without</b>",
  predicted: "with_mask",
  score: 0.7311,
};
const report: HtmlReport = {
  title: "Faces & masks",
  evaluation: { metrics, mistakes: [mistake] },
  history: [
    { step: 10, epoch: 0.1, loss: 0.7, learning_rate: 1e-3 },
    { step: 20, epoch: 0.2, loss: 0.6, learning_rate: 5e-4, eval_loss: 0.5, eval_accuracy: 0.8 },
  ],
  facts: [["command", "npx beit train --data 'faces'"]],
};

describe("htmlReport", () => {
  const html = htmlReport(report);

  it("shows figures, tables and the mistakes by file name", () => {
    expect(html.match(/<svg /g)).toHaveLength(5); // confusion, calibration; loss, accuracy, learning rate
    expect([...html.matchAll(/<h2>([^<]*)<\/h2>/g)].map(([, title]) => title)).toEqual([
      "Evaluation",
      "Classes",
      "Calibration",
      "Training",
      "Worst mistakes",
      "This run",
    ]);
    expect(html).toContain("<td>npx beit train --data &#39;faces&#39;</td>");
    expect(html).toContain("<title>Faces &amp; masks</title>");
  });

  it("links a cell of the confusion matrix to its mistakes", () => {
    expect(html).toContain('<a href="#mistakes-1">');
    expect(html).toContain('<h3 id="mistakes-1">&lt;b&gt;without&lt;/b&gt; called with_mask</h3>');
  });

  it("runs and loads nothing, whatever files are called", () => {
    expect(html).not.toMatch(/<script|<link|<b>|src=|url\(|@import/);
    expect(html).toContain("default-src 'none'");
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:/);
  });

  it("embeds pictures only when given", () => {
    expect(html).not.toContain("<img");
    const thumbnail = "data:image/png;base64,iVBORw0KGgo=";
    expect(htmlReport({ ...report, evaluation: { metrics, mistakes: [{ ...mistake, thumbnail }] } })).toContain(
      `<img src="${thumbnail}"`,
    );
  });

  it.each(["https://example.org/x.png", 'data:image/png;base64,AA" onerror="x', "data:text/html;base64,AAAA"])(
    "refuses %s as a picture",
    (thumbnail) => {
      const mistakes = [{ ...mistake, file: "a.jpg", thumbnail }];
      expect(() => htmlReport({ title: "t", evaluation: { metrics, mistakes } })).toThrow(
        "a.jpg: expected a base64 data URL of a picture",
      );
    },
  );

  it("copes with nothing to show", () => {
    expect(htmlReport({ title: "Empty" })).toContain("<h1>Empty</h1>");
  });
});
