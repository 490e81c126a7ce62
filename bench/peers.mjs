// What beit is measured against, and whether it is there.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const wanted = JSON.parse(readFileSync(`${here}package.json`, "utf8")).dependencies;

const installedVersion = (name) => {
  const file = `${here}node_modules/${name}/package.json`;
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined;
};

/**
 * Installs bench/package.json from its lockfile on first use; no install script of any package is run.
 * @returns the versions in use
 */
export function installPeers() {
  if (Object.entries(wanted).some(([name, version]) => installedVersion(name) !== version)) {
    console.error(`installing ${Object.keys(wanted).join(", ")} into bench/node_modules …`);
    const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status } = spawnSync("npm", args, { cwd: here, stdio: ["ignore", 2, 2] });
    if (status !== 0)
      throw new Error(
        "peers could not be installed: see npm's message, or leave them out with --only gemm,passes,step",
      );
  }
  return Object.fromEntries(Object.keys(wanted).map((name) => [name, installedVersion(name)]));
}

/** Debian's Python: the one that has python3-torch. */
export const python = "/usr/bin/python3";

/** Debian's OpenBLAS with OpenMP. PyTorch calls whatever libblas.so.3 it finds; reference BLAS would flatter any ratio. */
export const blasFolder = `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/openblas-openmp`;

/** Why PyTorch is left out; undefined when it takes part. */
export function torchAbsence() {
  if (!existsSync(`${blasFolder}/libblas.so.3`)) return "libopenblas0-openmp is not installed";
  if (spawnSync(python, ["-c", "import torch"]).status !== 0) return `${python} cannot import torch`;
  return undefined;
}
