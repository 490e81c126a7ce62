import { convolutionOps } from "./convolution.ts";
import { elementwiseOps } from "./elementwise.ts";
import { geluOps } from "./gelu.ts";
import { indexingOps } from "./indexing.ts";
import { integerOps } from "./integer.ts";
import { layoutOps } from "./layout.ts";
import { matmulOps } from "./matmul.ts";
import { normalizeOps } from "./normalize.ts";
import { poolingOps } from "./pooling.ts";
import { reduceOps } from "./reduce.ts";
import type { Op } from "./value.ts";

/** Every op of the vocabulary, by ONNX's name. */
export const ops: Readonly<Record<string, Op>> = {
  ...elementwiseOps,
  ...layoutOps,
  ...matmulOps,
  ...convolutionOps,
  ...poolingOps,
  ...normalizeOps,
  ...reduceOps,
  ...indexingOps,
  ...geluOps,
  ...integerOps,
};
