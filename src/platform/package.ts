import { readFileSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

/** The path of something in this package, given relative to its root; the same from src/ and from dist/. */
export function packagePath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** This package's version. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(packagePath("package.json"), "utf8")) as { version: string }).version;
}

/** Keeps what V8 compiles of the modules imported from now on for the next start, where Node can (22.8 and later). */
export function cacheCompiledCode(): void {
  (module as { enableCompileCache?: () => void }).enableCompileCache?.();
}
