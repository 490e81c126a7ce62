import { type Part, type PartRequest, workOn } from "../optim/part.ts";
import { serveRequests } from "../platform/threads.ts";

/** A request for one of the parts, which lie in shared memory. */
export type UpdateRequest = PartRequest & { readonly part: number };

void serveRequests<readonly Part[], UpdateRequest, Map<string, number>>((parts) => async ({ part, ...request }) => {
  return workOn(parts[part]!, request);
});
