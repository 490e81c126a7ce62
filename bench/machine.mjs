// Where and with what a measurement was made.
import { readFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";

const versionOf = (file) => JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")).version;

/** Machine, versions and the load at the start. */
export const describeMachine = () => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${platform()} ${arch()}`,
  node: process.version,
  beit: versionOf("../package.json"),
  onnxruntime: versionOf("../node_modules/onnxruntime-node/package.json"),
  loadAtStart: loadavg()[0],
});
