import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What tests and the commands they start put into the folders for temporary and cached files goes into one, removed at the end. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "beit-tests-"));
  process.env.TMPDIR = folder;
  process.env.XDG_CACHE_HOME = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
