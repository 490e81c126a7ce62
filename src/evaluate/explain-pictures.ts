import type { ExplanationMethod } from "../beit/explain.ts";
import { overlayHeat, seenRegion } from "../image/heat.ts";
import { resize } from "../image/resize.ts";
import { encodePng } from "../platform/decode.ts";
import { startWorkers } from "../platform/threads.ts";
import type { Pixels } from "../tensor/pixels.ts";
import { type Picture, pixelsOf } from "./batch.ts";
import { createExplainer, type Explanation } from "./explain.ts";
import type { FloatClassifier } from "./predictor.ts";

/** What pictures are explained with; plain data, so that it can be sent to a thread. */
export interface ExplainOptions {
  readonly classifier: FloatClassifier;
  readonly method: ExplanationMethod;
  /** Most width x height of a picture; the decoder's own limit unless said otherwise. */
  readonly maxPixels?: number;
}

/** A picture and the class to explain; by default the one the model answers with. */
export interface ExplainRequest {
  readonly picture: Picture;
  readonly label?: string | undefined;
}

/** An explanation and a PNG of it laid over the picture, which is reduced to {@link OVERLAY_PX} where it is larger. */
export type DrawnExplanation = Explanation & { readonly overlay: Uint8Array };

/** Explains pictures from their files on. */
export interface PictureExplainer {
  /** @throws BeitError of a picture that cannot be read; `explain/unknown-label` */
  explain(request: ExplainRequest): Promise<DrawnExplanation>;
  close(): Promise<void>;
}

/** Longer side of an overlay. */
export const OVERLAY_PX = 640;

/** Compiles what explains a classifier, for the calling thread. */
export async function createPictureExplainer(options: ExplainOptions): Promise<PictureExplainer> {
  const { classifier, method, maxPixels } = options;
  const explainer = await createExplainer(classifier, method);
  return {
    async explain({ picture, label }) {
      const pixels = await pixelsOf(picture, maxPixels === undefined ? {} : { maxPixels });
      const explanation = await explainer.explain(pixels, label);
      const shown = reduced(pixels);
      const overlay = await encodePng(overlayHeat(shown, explanation, seenRegion(shown, classifier.processor)));
      return { ...explanation, overlay };
    },
    close: () => explainer.close(),
  };
}

/** The same in a thread of its own, whose operators use all cores. @throws BeitError `thread/not-started` */
export async function startPictureExplainer(options: ExplainOptions): Promise<PictureExplainer> {
  const threads = await startWorkers<ExplainRequest, DrawnExplanation>("evaluate/explain-worker", 1, options);
  return { explain: (request) => threads.request(0, request), close: () => threads.idle().then(threads.close) };
}

function reduced(pixels: Pixels): Pixels {
  const { width, height } = pixels;
  const factor = OVERLAY_PX / Math.max(width, height);
  if (factor >= 1) return pixels;
  const side = (length: number) => Math.max(1, Math.round(length * factor));
  return resize(pixels, { width: side(width), height: side(height) }, "bilinear");
}
