import { describe, expect, it } from "vitest";
import { visibleLines, visibleText } from "../platform/visible.ts";
import { formatTable, textWidth } from "./table.ts";

describe("formatTable", () => {
  const columns = [{ title: "file" }, { title: "score", align: "right" as const }];

  it("aligns text left and figures right", () => {
    expect(
      formatTable(columns, [
        ["a.jpg", "0.5"],
        ["long name.jpg", "10.25"],
      ]),
    ).toBe("file           score\na.jpg            0.5\nlong name.jpg  10.25");
  });

  it("counts terminal cells, not code units", () => {
    expect([textWidth("abc"), textWidth("写真"), textWidth("e\u0301"), textWidth("😀")]).toEqual([3, 4, 1, 2]);
    expect(
      formatTable(columns, [
        ["写真", "1"],
        ["abcd", "2"],
      ])
        .split("\n")
        .slice(1),
    ).toEqual(["写真      1", "abcd      2"]);
  });

  it("colours only when told", () => {
    expect(formatTable(columns, [], { color: true })).toBe("\u001b[1mfile  score\u001b[22m");
    expect(formatTable(columns, [])).toBe("file  score");
  });

  it("keeps a file name from steering the terminal", () => {
    expect(visibleLines("a\u001b[2J\nb")).toBe("a\\x1b[2J\nb");
    expect(visibleText("a\u001b[31m\n\u202eb\u0085")).toBe("a\\x1b[31m\\x0a\\u{202e}b\\x85");
    expect(formatTable(columns, [["\u001b[2J", "1"]])).not.toContain("\u001b");
  });
});
