/** How often a text of single-byte characters occurs in bytes, counted up to `most`; occurrences do not overlap. */
export function countOccurrences(bytes: Uint8Array, text: string, most: number): number {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const needle = Buffer.from(text, "latin1");
  let count = 0;
  for (let at = haystack.indexOf(needle); at >= 0 && count < most; at = haystack.indexOf(needle, at + needle.length)) {
    count++;
  }
  return count;
}

/** Bytes as a base64 text (RFC 4648, section 4). */
export const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** The bytes of a base64 text (RFC 4648, section 4; padding may be left out); undefined when it is not one. */
export function fromBase64(text: string): Uint8Array | undefined {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const digits = text.length - padding;
  const expected = Math.floor((digits * 3) / 4);
  if (digits % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined;
  const bytes = Buffer.from(text, "base64"); // leaves out what is no digit, hence the comparison of lengths
  return bytes.length === expected ? new Uint8Array(bytes) : undefined;
}
