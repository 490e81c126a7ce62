import { z } from "@hono/zod-openapi";
import { explanationMethods } from "../beit/explain.ts";
import { poolings } from "../evaluate/features.ts";

/** The JSON of every error. */
export const problem = z
  .object({
    error: z.object({
      code: z.string().openapi({ description: "Stable, for programs.", example: "image/truncated" }),
      message: z.string().openapi({ description: "What was expected and what came, for people." }),
      request_id: z.string().openapi({ description: "The answer's X-Request-Id, which the log has too." }),
    }),
  })
  .openapi("Problem");

const failedRow = z
  .object({ file: z.string(), error: z.string(), code: z.string() })
  .openapi("FailedPicture", { description: "A picture that could not be read; the others are answered." });

const explanation = z
  .object({
    method: z.enum(explanationMethods),
    label: z.string().openapi({ description: "The class that is explained." }),
    score: z.number().openapi({ description: "Its probability." }),
    heat: z.array(z.array(z.number())).openapi({
      description:
        "A row for each row of patches, from the top left of what the model sees of the picture; the largest value is 1.",
    }),
    overlay: z.string().openapi({
      description: "The map laid over the picture, a PNG of 640 pixels at most on its longer side, as a data URL.",
    }),
  })
  .openapi("Explanation");

const scoredRow = z
  .object({
    file: z.string(),
    label: z.string().openapi({ description: "The best class.", example: "with_mask" }),
    score: z.number().openapi({ description: "Its probability.", example: 0.97 }),
    predictions: z.array(z.object({ label: z.string(), score: z.number() })).openapi({ description: "Best first." }),
    explanation: explanation.optional().openapi({ description: "Where `explain` asked for it." }),
  })
  .openapi("ClassifiedPicture", { description: "As `beit predict --format json` has it." });

/** Answer of `POST /v1/classify`, one row a picture in the order of the request. */
export const classification = z
  .object({ model: z.string(), results: z.array(z.union([scoredRow, failedRow])) })
  .openapi("Classification");

const featureRow = z.object({ file: z.string(), features: z.array(z.number()) }).openapi("PictureFeatures");

/** Answer of `POST /v1/features`, one row a picture in the order of the request. */
export const featureList = z
  .object({
    model: z.string(),
    pool: z.enum(poolings),
    results: z.array(z.union([featureRow, failedRow])),
  })
  .openapi("Features");

/** Answer of `GET /v1/model`. */
export const modelDescription = z
  .object({
    name: z.string(),
    task: z.enum(["classification", "masked-image-modelling", "features"]),
    labels: z.array(z.string()).openapi({ description: "Classes by index; empty unless it is a classifier." }),
    image_size: z.object({ height: z.number(), width: z.number() }),
    parameters: z.number().int(),
    features: z.number().int().openapi({ description: "Length of a feature vector." }),
    pool: z.enum(poolings).openapi({ description: "The pooling that it was trained with." }),
  })
  .openapi("Model");

/** Answer of `GET /v1/models`. */
export const modelList = z
  .object({ default: z.string(), models: z.array(z.object({ name: z.string(), loaded: z.boolean() })) })
  .openapi("ModelList");

/** Answer of the probes. */
export const status = z.object({ status: z.string() }).openapi("Status");

const model = z
  .string()
  .max(255)
  .optional()
  .openapi({ description: "Name of a model of this service; the first one unless given." });

/** Queries; a name that is not known is an error, so that a slip of the pen is not passed over. */
export const classifyQuery = z.strictObject({
  model,
  top_k: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(5)
    .openapi({ description: "Classes returned for each picture, best first." }),
  explain: z.enum(explanationMethods).optional().openapi({
    description:
      "What the model looked at: `gradient`, attention weighted by the gradient of a class; `rollout`, attention alone.",
  }),
  label: z.string().max(1000).optional().openapi({
    description: "The class to explain; the best one unless given.",
  }),
});
export const featuresQuery = z.strictObject({
  model,
  pool: z.enum(poolings).optional().openapi({
    description: "`cls`: the [CLS] token; `mean`: over the patches. As the model was trained unless given.",
  }),
});
export const modelQuery = z.strictObject({ model });
