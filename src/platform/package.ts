import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The path of something in this package, given relative to its root; the same from src/ and from dist/. */
export function packagePath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** This package's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string }).version;
}
