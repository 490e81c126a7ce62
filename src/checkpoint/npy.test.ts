import { expect, it } from "vitest";
import { npyHead } from "./npy.ts";

const text = (head: Uint8Array) => new TextDecoder("latin1").decode(head);

it("writes the head as numpy.save does", () => {
  // python -c 'import numpy; numpy.save("x.npy", numpy.zeros((3, 2), "float32"))', the first 128 bytes
  const written = "\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
  expect(text(npyHead([3, 2], 128))).toBe(`${written.padEnd(127)}\n`);
});

it("has a comma behind a single axis, as a Python tuple", () => {
  expect(text(npyHead([7]))).toContain("'shape': (7,), }");
});

it("takes as many bytes as asked for, in multiples of 64", () => {
  expect([npyHead([1, 2]).length, npyHead([1, 2], 65).length, npyHead([1, 2], 128).length]).toEqual([128, 128, 128]);
  expect(npyHead([1e15, 1e15, 1e15, 1e15, 1e15]).length % 64).toBe(0);
});
