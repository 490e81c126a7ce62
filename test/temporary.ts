import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** All that tests, and what they start, put into the folder for temporary files goes into one of its own, removed at the end. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "beit-tests-"));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
