import { describe, expect, it } from "vitest";
import { markdownCode, markdownTable } from "./markdown.ts";
import { yaml, yamlString } from "./yaml.ts";

describe("yamlString", () => {
  it("leaves plain words alone", () => {
    const plain = ["apache-2.0", "image-classification", "with_mask", "a/b.c", "Image Classification", "Noah"];
    expect(plain.map(yamlString)).toEqual(plain);
  });

  it("quotes what some reader would take for something else", () => {
    const odd = [
      "",
      "no",
      "Yes",
      "null",
      "True",
      "1.0",
      "1e5",
      "0x1",
      "2001-01-01",
      "12:30",
      "- a",
      "a: b",
      "a #b",
      "a ",
      " a",
      "~",
      "*x",
      "&x",
      "!x",
      "[x",
      "{x",
      "@x",
      "%x",
      "'x",
      '"x',
      "é",
      "a\nb",
    ];
    expect(odd.map(yamlString)).toEqual(odd.map((text) => JSON.stringify(text)));
  });

  it("escapes what YAML forbids raw", () => {
    expect(yamlString("a\u007f\u0085\u2028\ufeffb😀")).toBe('"a\\u007f\\u0085\\u2028\\ufeffb😀"');
  });
});

describe("yaml", () => {
  it("nests lists and mappings in block style", () => {
    const value = {
      license: "mit",
      tags: ["a", "b: c"],
      none: undefined,
      empty: [],
      results: [{ task: { type: "x" }, list: [1, true, null] }, {}],
      numbers: [0.5, 1e-7, 1e21, Number.NaN, -Infinity],
    };
    // read back to the same value by PyYAML 6.0
    expect(yaml(value)).toBe(`license: mit
tags:
- a
- "b: c"
empty: []
results:
- task:
    type: x
  list:
  - 1
  - true
  - null
- {}
numbers:
- 0.5
- 1.0e-7
- 1.0e+21
- .nan
- -.inf
`);
  });
});

describe("markdown", () => {
  it("keeps cells inside their table and code inside its fence", () => {
    expect(markdownTable([{ title: "a|b" }, { title: "n", align: "right" }], [["x\n<y> _z_", "1"]])).toBe(
      "| a\\|b | n |\n| --- | ---: |\n| x \\<y\\> \\_z\\_ | 1 |",
    );
    expect(markdownCode("sh", "echo ```\n")).toBe("````sh\necho ```\n````");
  });
});
