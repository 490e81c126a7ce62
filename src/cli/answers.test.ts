import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Prediction } from "../report/predictions.ts";
import { type Answers, openAnswers } from "./answers.ts";

const files = ["a.jpg", "b.jpg", "ü\n.jpg", "d.jpg"];
const conditions = { model: "f00d", topK: 2 };
const row = (file: string): Prediction =>
  file === "b.jpg" ? { file, error: "is truncated" } : { file, predictions: [{ label: "x", score: 0.1 + 0.2 }] };

let output: string;
let path: string;
beforeEach(() => {
  output = join(mkdtempSync(join(tmpdir(), "beit-answers-")), "made/rows.jsonl");
  path = `${output}.partial`;
});

const open = (given = conditions, list = files) => openAnswers(output, given, list);
async function rowsOf(answers: Answers): Promise<Prediction[]> {
  const rows: Prediction[] = [];
  for await (const answer of answers.rows()) rows.push(answer);
  return rows;
}
/** The file of a run that was interrupted after two pictures. */
async function interrupted(): Promise<string> {
  const answers = await open();
  for (const file of files.slice(0, 2)) await answers.add(row(file));
  await answers.keep();
  return readFileSync(path, "utf8");
}

describe("answers of an interrupted run", () => {
  it("are kept, and go with those of the next run", async () => {
    await interrupted();
    const answers = await open();
    expect(answers.done).toBe(2);
    for (const file of files.slice(2)) await answers.add(row(file));
    expect(await rowsOf(answers)).toEqual(files.map(row));
    await answers.remove();
    expect(existsSync(path)).toBe(false);
  });

  it("lose a line that was cut off, wherever it was", async () => {
    const text = await interrupted();
    const second = text.lastIndexOf("\n", text.length - 2) + 1;
    for (let end = second; end < text.length; end++) {
      writeFileSync(path, text.slice(0, end));
      const answers = await open();
      expect(answers.done).toBe(1);
      await answers.add(row("b.jpg"));
      await answers.keep();
      expect(readFileSync(path, "utf8")).toBe(text);
    }
  });

  it("are not taken for those of another model, option or list", async () => {
    const text = await interrupted();
    const failures: [() => Promise<Answers>, string, string][] = [
      [
        () => open({ ...conditions, model: "beef" }),
        "predict/other-conditions",
        "was begun with another model; remove it",
      ],
      [() => open({ ...conditions, topK: 5 }), "predict/other-conditions", "was begun with topK 2, not 5"],
      [
        () => open(conditions, ["a.jpg", "c.jpg"]),
        "predict/other-pictures",
        "answer 2 is of b.jpg, the list has c.jpg there",
      ],
      [() => open(conditions, ["a.jpg"]), "predict/other-pictures", "the list has no more pictures there"],
    ];
    for (const [failing, code, message] of failures) {
      await expect(failing()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    }
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it.each(["words without an end", "words\n", '{"a":1}\n', "[1]\n"])("are not looked for in %j", async (text) => {
    await (await open()).keep();
    writeFileSync(path, text);
    await expect(open()).rejects.toMatchObject({ code: "predict/not-a-partial" });
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("leave no file where there are none", async () => {
    await (await open()).keep();
    expect(existsSync(path)).toBe(false);
  });
});
