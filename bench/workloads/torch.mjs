// A plain training step of the same shape in PyTorch, where Debian's python3-torch is installed: peer-torch.py.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { blasFolder, python } from "../peers.mjs";

export async function load({ preset, batch, threads }) {
  const script = fileURLToPath(new URL("../peer-torch.py", import.meta.url));
  const env = { ...process.env, LD_LIBRARY_PATH: blasFolder, OMP_NUM_THREADS: String(threads) };
  const child = spawn(python, [script, preset, String(batch)], { env, stdio: ["pipe", "pipe", "inherit"] });
  process.on("exit", () => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("peer-torch.py ended early");
    return JSON.parse(value);
  };
  const facts = await answer();
  const run = () => {
    child.stdin.write("step\n");
    return answer();
  };
  return { run, facts };
}
