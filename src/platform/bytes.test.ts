import { describe, expect, it } from "vitest";
import { countOccurrences, fromBase64 } from "./bytes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("countOccurrences", () => {
  it("counts, without overlap, up to a limit, in a part of a buffer too", () => {
    expect(countOccurrences(bytes("--a-- --a"), "--a", 10)).toBe(2);
    expect(countOccurrences(bytes("aaaa"), "aa", 10)).toBe(2);
    expect(countOccurrences(bytes("aaaaaaaa"), "a", 3)).toBe(3);
    expect(countOccurrences(bytes("x--x").subarray(1, 3), "x", 10)).toBe(0);
  });
});

describe("fromBase64", () => {
  it("decodes with and without padding", () => {
    expect(fromBase64("AAEC")).toEqual(Uint8Array.of(0, 1, 2));
    expect(fromBase64("AAE=")).toEqual(Uint8Array.of(0, 1));
    expect(fromBase64("AA==")).toEqual(Uint8Array.of(0));
    expect(fromBase64("AAE")).toEqual(Uint8Array.of(0, 1));
    expect(fromBase64("")).toEqual(new Uint8Array());
  });

  it.each(["A", "AA=A", "A===", "AAE=AAE=", "not base64!", "AA EC", "AAAAA="])("refuses %j", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });
});
