import { serveRequests } from "../platform/threads.ts";
import { createReader } from "./reader.ts";

await serveRequests(createReader);
