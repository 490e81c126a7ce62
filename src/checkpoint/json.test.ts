import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { duplicateKey, show } from "./json.ts";

describe("duplicateKey", () => {
  it.each([
    [`{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}`, undefined],
    [`{"a":1,"b":2,"a":3}`, "a"],
    [`{"x":{"b":1 , "b"\n:2}}`, "b"],
    [`{"a":"\\"a\\":","b":"{\\"a\\":1}"}`, undefined],
    [`{"a\\\\":1,"a":2,"a\\\\":3}`, "a\\"],
    [`{"a":["a","a"]}`, undefined],
    [`{"__proto__":1,"__proto__":2}`, "__proto__"],
    [`"a"`, undefined],
  ])("%s: %s", (text, key) => expect(duplicateKey(text)).toBe(key));

  it("finds none in what JSON.stringify writes", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.nat({ max: 2 }),
        (value, indent) => duplicateKey(JSON.stringify(value, null, indent)) === undefined,
      ),
    );
  });
});

describe("show", () => {
  it("is short and ends, whatever comes", () => {
    const circle: unknown[] = [];
    circle.push(circle, 2n ** 70n, null, undefined, -1.5, "é", new Map(), { a: 1 }, 9);
    expect(show(circle)).toBe('[[…], 1180591620717411303424, null, undefined, -1.5, "é", {…}, {…}, …]');
    expect(show("x".repeat(1e6)).length).toBeLessThan(210);
  });
});
