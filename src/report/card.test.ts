import { describe, expect, it } from "vitest";
import { classificationMetrics } from "../evaluate/classification.ts";
import { bySubset } from "../evaluate/subsets.ts";
import { type ModelCard, modelCard } from "./card.ts";

const scored = {
  logits: Float32Array.of(2, 0, 1, 0, 0, 2, 0, 1, 1, 0),
  labels: Int32Array.of(0, 0, 1, 1, 1),
  classes: ["with_mask", "without_mask"],
};

const card: ModelCard = {
  name: "someone/beit-face-mask",
  title: "BEiT for face mask detection",
  description: "Says whether a face wears a mask.",
  license: "apache-2.0",
  baseModel: "microsoft/beit-base-patch16-224-pt22k",
  tags: ["vision", "face-mask"],
  data: {
    name: "Faces: with | without",
    description: "Photographs from public repositories.",
    trainImages: 14384,
    evalImages: 5,
    evalSplit: "validation",
  },
  architecture: [
    ["family", "BEiT"],
    ["parameters", "85,667,666"],
  ],
  recipe: { command: "npx beit train --data faces", settings: [["seed", "42"]] },
  evaluation: {
    metrics: classificationMetrics(scored),
    intervals: { level: 0.95, resamples: 1000, seed: 0, accuracy: [0.4, 1], balanced_accuracy: [0.5, 1] },
    by: { source: bySubset(scored, ["a_b", "c", "a_b", "c", "c"]) },
  },
  trainMetrics: { epoch: 0.55, total_flos: 618978356527104000n, train_loss: 0.15104, train_runtime: 3496.5612 },
  evalMetrics: { epoch: 0.55, eval_accuracy: 0.974972191323693, eval_loss: 0.08034 },
  run: {
    runtimeSeconds: 3496.56,
    trainImages: 14428,
    batchSize: 16,
    plannedEpochs: 4,
    stepsPerEpoch: 902,
    plannedSteps: 3608,
    steps: 500,
    images: 8000,
    pixelsPerImage: 3 * 224 * 224,
    parameters: 85_667_666,
    forwardMacs: 17.6e9,
    trainLoss: 0.15104,
  },
  limits: ["A hand over the mouth may read as a mask."],
  usage: { cli: "npx beit predict photo.jpg", typescript: 'import { x } from "beit";' },
};

describe("modelCard", () => {
  it("renders everything", () => {
    expect(modelCard(card)).toMatchInlineSnapshot(`
      "---
      license: apache-2.0
      library_name: transformers
      pipeline_tag: image-classification
      tags:
      - image-classification
      - vision
      - beit
      - transformers.js
      - onnx
      - face-mask
      base_model: microsoft/beit-base-patch16-224-pt22k
      metrics:
      - accuracy
      model-index:
      - name: beit-face-mask
        results:
        - task:
            type: image-classification
            name: Image Classification
          dataset:
            name: "Faces: with | without"
            type: imagefolder
            split: validation
          metrics:
          - type: accuracy
            name: Accuracy
            value: 0.8
          - type: balanced_accuracy
            name: Balanced accuracy
            value: 0.8333333333333333
          - type: loss
            name: Loss
            value: 0.4387282169281228
      ---

      # BEiT for face mask detection

      Says whether a face wears a mask.

      ## Labels

      | index | label |
      | ---: | --- |
      | 0 | with\\_mask |
      | 1 | without\\_mask |

      ## How to use

      On the command line:

      \`\`\`sh
      npx beit predict photo.jpg
      \`\`\`

      In TypeScript:

      \`\`\`ts
      import { x } from "beit";
      \`\`\`

      In Python with transformers:

      \`\`\`python
      from transformers import pipeline

      classify = pipeline("image-classification", model="someone/beit-face-mask")
      print(classify("photo.jpg"))
      \`\`\`

      In JavaScript with transformers.js (its image resize differs slightly from Python's, and so do its scores):

      \`\`\`js
      import { pipeline } from "@huggingface/transformers";

      const classify = await pipeline("image-classification", "someone/beit-face-mask", { dtype: "fp32" });
      console.log(await classify("photo.jpg"));
      \`\`\`

      ## Results

      On 5 images of Faces: with \\| without, split validation. In brackets: 95 % bootstrap intervals.

      |  | value |
      | --- | ---: |
      | accuracy | 0.8000 \\[0.4000, 1.0000\\] |
      | balanced accuracy | 0.8333 \\[0.5000, 1.0000\\] |
      | loss | 0.4387 |
      | area under ROC | 0.9167 |
      | expected calibration error | 0.0863 |

      | class | images | precision | recall | f1 | average precision |
      | --- | ---: | ---: | ---: | ---: | ---: |
      | with\\_mask | 2 | 0.6667 | 1.0000 | 0.8000 | 0.8333 |
      | without\\_mask | 3 | 1.0000 | 0.6667 | 0.8000 | 0.9167 |

      Rows are true classes, columns predictions:

      |  | with\\_mask | without\\_mask |
      | --- | ---: | ---: |
      | with\\_mask | 2 | 0 |
      | without\\_mask | 1 | 2 |

      | by source | images | accuracy | balanced | recall with\\_mask | recall without\\_mask |
      | --- | ---: | ---: | ---: | ---: | ---: |
      | a\\_b | 2 | 1.0000 | 1.0000 | 1.0000 | 1.0000 |
      | c | 3 | 0.6667 | 0.7500 | 1.0000 | 0.5000 |

      Expected calibration error 0.0863 over 15 bins, Brier score 0.1415.

      ## Limits and bias

      - A hand over the mouth may read as a mask.

      ## Data

      Photographs from public repositories.

      Trained on 14,384 images, evaluated on 5 others.

      ## Model

      |  |  |
      | --- | --- |
      | family | BEiT |
      | parameters | 85,667,666 |

      ## Training

      Fine-tuned from \`microsoft/beit-base-patch16-224-pt22k\` with:

      \`\`\`sh
      npx beit train --data faces
      \`\`\`

      |  |  |
      | --- | --- |
      | seed | 42 |

      ## Training Metrics

      \`\`\`text
      epoch = 0.55
      total_flos = 576468516GF
      train_loss = 0.151
      train_runtime = 0:58:16.56
      \`\`\`

      ## Evaluation Metrics

      \`\`\`text
      epoch = 0.55
      eval_accuracy = 0.975
      eval_loss = 0.0803
      \`\`\`

      ## What these figures mean

      Trainer's rates divide the planned samples and steps by the run time, also when training stopped early, and its total_flos counts each pixel value as a token of a language model. Beside them what was done: images that went through a training step, and 6 operations per multiply-accumulate of a forward pass.

      | training | as Trainer prints it | as it happened |
      | --- | ---: | ---: |
      | epochs | 0.55 | 0.554 |
      | images | 57,712 planned | 8,000 |
      | steps | 3,608 planned | 500 |
      | time | 0:58:16.55 | 58 min 17 s |
      | images per second | 16.505 | 2.288 |
      | steps per second | 1.032 | 0.143 |
      | arithmetic | 576468516GF | 845 TFLOP |
      | arithmetic per second | – | 242 GFLOP/s |
      | mean training loss | 0.151 | 0.1510 |
      "
    `);
  });

  it("leaves out what is not known", () => {
    const { baseModel, trainMetrics, evalMetrics, run, ...rest } = card;
    const text = modelCard(rest);
    expect(text).toContain("Trained from scratch with:");
    for (const absent of ["base_model", "## Training Metrics", "## Evaluation Metrics", "What these figures mean"]) {
      expect(text).not.toContain(absent);
    }
    expect([baseModel, trainMetrics, evalMetrics, run]).not.toContain(undefined);
  });

  it("of a folder: transformers.js is told where it lies, and that it needs an ONNX file", () => {
    const { license: _, baseModel: __, ...rest } = card;
    const text = modelCard({ ...rest, name: "mask", origin: "beit-base", onnx: false });
    expect(text).toContain('import { env, pipeline } from "@huggingface/transformers";');
    expect(text).toContain('env.localModelPath = "./"; // where the folder mask lies');
    expect(text).toContain("once `npx beit export mask` has written its ONNX file");
    expect(text).toContain("Fine-tuned from `beit-base` with:");
    for (const absent of ["license", "base_model", "- onnx", "- transformers.js"]) expect(text).not.toContain(absent);
  });
});
