import { serveRequests } from "../platform/threads.ts";
import {
  createPictureExplainer,
  type DrawnExplanation,
  type ExplainOptions,
  type ExplainRequest,
} from "./explain-pictures.ts";

void serveRequests<ExplainOptions, ExplainRequest, DrawnExplanation>(async (options) => {
  const { explain } = await createPictureExplainer(options);
  return explain;
});
