import { createHash, timingSafeEqual } from "node:crypto";

/** Whether two secrets are the same, in a time that depends on the length of what is given only. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
