import { expect, it } from "vitest";
import { presets } from "../beit/config.ts";
import { defaultProcessor } from "../image/processor.ts";
import { createExplanations } from "./explain.ts";

it("refuses a picture that would become huge, as classifying does, before anything is run", async () => {
  const session = {
    inputNames: ["pixel_values"],
    outputNames: ["logits", "heat"],
    run: () => Promise.reject(new Error("was run")),
    release: async () => undefined,
  };
  const processor = { ...defaultProcessor([224, 224]), resize: { shortestEdge: 256 } };
  const explainer = createExplanations(session, { config: presets.tiny, processor }, "gradient");
  const thread = { width: 1, height: 20_000, data: new Uint8Array(60_000) };
  await expect(explainer.explain(thread)).rejects.toMatchObject({
    code: "image/too-large",
    message: "1 x 20000 would have to be resized to 256 x 5120000, the limit is 100 megapixels",
  });
});
