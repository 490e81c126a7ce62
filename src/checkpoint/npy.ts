/**
 * The head of a NumPy file of float32, little-endian, row by row; the values follow it.
 * @param least bytes that it takes at least, so that it can be written over one that was made for a longer shape
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, format version 1.0
 */
export function npyHead(shape: readonly number[], least = 0): Uint8Array {
  const before = 10; // magic, version, length of the text
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const size = Math.ceil(Math.max(before + text.length + 1, least) / 64) * 64;
  const head = new Uint8Array(size).fill(0x20);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]); // "\x93NUMPY", 1.0
  new DataView(head.buffer).setUint16(8, size - before, true);
  head.set(new TextEncoder().encode(text), before);
  head[size - 1] = 0x0a;
  return head;
}
