import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { sha256 } from "./sha256.ts";

it("SHA-256 equals Node's, whatever the parts", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (parts) => {
      const expected = createHash("sha256").update(Buffer.concat(parts)).digest("hex");
      expect(sha256(parts)).toBe(expected);
    }),
  );
});

it("SHA-256 of the standard's own example", () => {
  const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  expect(sha256([new TextEncoder().encode("abc")])).toBe(abc);
});
