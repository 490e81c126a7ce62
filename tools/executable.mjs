// Makes the command executable, part of npm run build: npx links it once for a folder and leaves a command alone that is built
// anew there, or in another clone of the same name.
import { chmodSync } from "node:fs";

chmodSync(new URL("../dist/cli/main.js", import.meta.url), 0o755);
