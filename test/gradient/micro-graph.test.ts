import { describe, expect, it } from "vitest";
import { type BeitConfig, presets } from "../../src/beit/config.ts";
import { classify } from "../../src/beit/model.ts";
import { countOps } from "../../src/graph/lower.ts";
import { printGraph } from "../../src/graph/print.ts";
import { inferenceGraphs, trainingGraphs } from "../../src/graph/training.ts";
import { isInput, type Node, type Value } from "../../src/graph/value.ts";
import { nodesOf } from "../../src/graph/walk.ts";
import { softCrossEntropy } from "../../src/nn/loss.ts";
import { batchInput, createScope, createTrace } from "../../src/nn/scope.ts";

const config: BeitConfig = {
  ...presets.tiny,
  imageSize: [16, 16],
  patchSize: 8,
  hiddenSize: 8,
  numHeads: 2,
  intermediateSize: 16,
  numLayers: 1,
  dropPathRate: 0,
};

function trace(numLayers: number) {
  const traced = createTrace();
  const pixels = batchInput(traced, "pixel_values", [2, 3, 16, 16]);
  const { logits } = classify(createScope(traced, true), { ...config, numLayers }, pixels);
  return {
    logits,
    loss: softCrossEntropy(logits, batchInput(traced, "targets", [2, 2])),
    parameters: traced.parameters,
  };
}

function graphs(numLayers: number) {
  const { logits, loss, parameters } = trace(numLayers);
  return trainingGraphs({ loss, logits }, parameters);
}

const nodes = (outputs: Readonly<Record<string, Value>>): Node[] => nodesOf(Object.values(outputs));
const work = (outputs: Readonly<Record<string, Value>>) =>
  countOps(nodes(outputs).filter(({ inputs }) => inputs.length));

/** What one more block adds to a graph. */
function perBlock(part: (graphs: { micro: Readonly<Record<string, Value>> }) => Readonly<Record<string, Value>>) {
  const [one, two] = [work(part(graphs(1))), work(part(graphs(2)))];
  return Object.fromEntries(Object.entries(two).map(([type, count]) => [type, count - (one[type] ?? 0)]));
}

describe("the micro graph of a block", () => {
  it("runs nothing forward that parameters alone could carry", () => {
    // LN, q k v with two biases, scores + position bias, softmax, context, dense + bias, residual; LN, fc1 + bias,
    // u (1 + erf u), fc2 + bias, residual. No scale, no bias of the values, no layer scale, no transposed operand.
    const { LayerNormalization, MatMul, FusedMatMul, Add, Mul, Erf, Softmax, Transpose } = perBlock(({ micro }) => ({
      logits: micro.logits!,
    }));
    expect({ LayerNormalization, products: MatMul! + FusedMatMul!, Add, Mul, Erf, Softmax, Transpose }).toEqual({
      LayerNormalization: 2,
      products: 8,
      Add: 9,
      Mul: 1,
      Erf: 1,
      Softmax: 1,
      Transpose: 1, // of the context, back to tokens first
    });
  });

  it("reads every operand of a product in place, save the left matrix in the gradient of a weight", () => {
    for (const { op, inputs } of nodes(graphs(2).micro)) {
      if (!op.type.endsWith("MatMul")) continue;
      const [left, right] = inputs as [Value, Value];
      expect(right.node.op.type).not.toBe("Transpose");
      if (left.shape.length > 2) expect(left.node.op.type).not.toBe("Transpose");
    }
  });

  it("has LayerNorms without scale and shift, centred for their backward pass", () => {
    const norms = nodes(graphs(2).micro).filter(({ op }) => op.type === "LayerNormalization");
    expect(norms.length).toBe(5);
    for (const { inputs, attributes } of norms) {
      expect(inputs.slice(1).map(({ node }) => node.op.type)).toEqual(["Constant", "Constant"]);
      expect(attributes.centred).toBe(1);
    }
  });

  it("gives the gradient of a weight in the shape of the weight", () => {
    const { micro, prepared, summed } = graphs(1);
    for (const name of summed) expect(micro[`new_sum.${name}`]!.shape).toEqual(prepared.get(name));
  });
});

describe("graphs for inference", () => {
  it("read the pixels and prepared values only", () => {
    const { prepare, forward } = inferenceGraphs({ logits: trace(2).logits });
    const read = nodes(forward).flatMap(({ outputs: [v], attributes }) =>
      isInput(v!) ? [attributes.name as string] : [],
    );
    const parameters = trace(2).parameters;
    expect(read.filter((name) => name !== "pixel_values" && !(name in prepare) && !parameters.has(name))).toEqual([]);
    expect(Object.keys(prepare).filter((name) => !read.includes(name))).toEqual([]);
  });

  it("keep to ONNX's own operators when they are to be portable", () => {
    const domains = (portable: boolean) =>
      new Set(nodes(inferenceGraphs({ logits: trace(1).logits }, { portable }).forward).map(({ op }) => op.domain));
    expect([...domains(true)]).toEqual([undefined]);
    expect([...domains(false)]).toContain("com.microsoft");
  });
});

it("the whole micro graph of one block, forward and backward", () => {
  expect(printGraph(graphs(1).micro)).toMatchInlineSnapshot(`
    "%2 [2,3,2,8,2,8] = Reshape(pixel_values, (2,3,2,8,2,8))
    %3 [2,2,2,3,8,8] = Transpose(%2, perm=[2,4,0,1,3,5])
    %5 [4,2,192] = Reshape(%3, (4,2,192))
    %7 [4,2,8] = FusedMatMul(%5, prepared.0, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %9 [4,2,8] = Add(%7, beit.embeddings.patch_embeddings.projection.bias)
    %12 [5,2,8] = Pad(%9, (1,0,0,0,0,0), (0))
    %14 [5,2,8] = Add(%12, prepared.2)
    %17 [5,2,8] = LayerNormalization(%14, const[8], const[8], axis=-1, epsilon=1e-12, centred=1)
    %21 [5,2,8] = MatMul(%17, prepared.3)
    %23 [5,2,8] = Add(%21, prepared.4)
    %25 [5,2,2,4] = Reshape(%23, (5,2,2,4))
    %27 [5,2,8] = MatMul(%17, prepared.5)
    %29 [5,2,8] = Add(%27, prepared.6)
    %30 [5,2,2,4] = Reshape(%29, (5,2,2,4))
    %31 [2,2,5,5] = FusedMatMul(%25, %30, transA=0, transB=1, transBatchA=1, transBatchB=1, alpha=1)
    %33 [2,2,5,5] = Add(%31, prepared.7)
    %34 [2,2,5,5] = Softmax(%33, axis=-1)
    %36 [5,2,8] = MatMul(%17, prepared.8)
    %37 [5,2,2,4] = Reshape(%36, (5,2,2,4))
    %38 [2,2,5,4] = FusedMatMul(%34, %37, transA=0, transB=0, transBatchA=0, transBatchB=1, alpha=1)
    %39 [5,2,2,4] = Transpose(%38, perm=[2,0,1,3])
    %41 [5,2,8] = Reshape(%39, (5,2,8))
    %43 [5,2,8] = MatMul(%41, prepared.9)
    %45 [5,2,8] = Add(%43, prepared.10)
    %46 [5,2,8] = Add(%14, %45)
    %47 [5,2,8] = LayerNormalization(%46, const[8], const[8], axis=-1, epsilon=1e-12, centred=1)
    %51 [5,2,16] = MatMul(%47, prepared.11)
    %53 [5,2,16] = Add(%51, prepared.12)
    %54 [5,2,16] = Erf(%53)
    %56 [5,2,16] = Add(%54, (1))
    %57 [5,2,16] = Mul(%53, %56)
    %59 [5,2,8] = FusedMatMul(%57, prepared.13, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %61 [5,2,8] = Add(%59, prepared.14)
    %62 [5,2,8] = Add(%46, %61)
    %66 [4,2,8] = Slice(%62, (1), (5), (0))
    %67 [2,8] = ReduceMean(%66, (0), keepdims=0)
    %68 [2,8] = LayerNormalization(%67, const[8], const[8], axis=-1, epsilon=1e-12, centred=1)
    %72 [2,2] = FusedMatMul(%68, prepared.15, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %74 [2,2] = Add(%72, prepared.16)
    %75 [2,2] = LogSoftmax(%74, axis=-1)
    %77 [2,2] = Mul(%75, targets)
    %78 [2] = ReduceSum(%77, (1), keepdims=0)
    %79 [] = ReduceMean(%78, (0), keepdims=0)
    %80 [] = Neg(%79)
    %82 [] = Neg((1))
    %84 [] = Mul(%82, (0.5))
    %85 [1] = Reshape(%84, (1))
    %87 [2] = Expand(%85, (2))
    %89 [2,1] = Reshape(%87, (2,1))
    %91 [2,2] = Expand(%89, (2,2))
    %92 [2,2] = Mul(%91, targets)
    %93 [2,2] = Exp(%75)
    %94 [2,1] = ReduceSum(%92, (1), keepdims=1)
    %95 [2,2] = Mul(%93, %94)
    %96 [2,2] = Sub(%92, %95)
    %97 [2,8] = MatMul(%96, prepared.15)
    %98 [2,8] = Mul(%97, %68)
    %99 [2,1] = ReduceMean(%98, (1), keepdims=1)
    %100 [2,8] = Mul(%68, %99)
    %101 [2,8] = Sub(%97, %100)
    %102 [2,8] = Mul(%101, %70)
    %104 [2,8] = Mul(%102, (0.25))
    %106 [1,2,8] = Reshape(%104, (1,2,8))
    %108 [4,2,8] = Expand(%106, (4,2,8))
    %109 [5,2,8] = Pad(%108, (1,0,0,0,0,0), (0))
    %110 [5,2,16] = MatMul(%109, prepared.13)
    %112 [5,2,16] = Mul(%53, %53)
    %113 [5,2,16] = Sub((0.12078224122524261), %112)
    %114 [5,2,16] = Exp(%113)
    %115 [5,2,16] = Mul(%53, %114)
    %116 [5,2,16] = Add(%56, %115)
    %117 [5,2,16] = Mul(%110, %116)
    %118 [5,2,8] = FusedMatMul(%117, prepared.11, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %119 [5,2,8] = Mul(%118, %47)
    %120 [5,2,1] = ReduceMean(%119, (2), keepdims=1)
    %121 [5,2,8] = Mul(%47, %120)
    %122 [5,2,8] = Sub(%118, %121)
    %123 [5,2,8] = Mul(%122, %49)
    %124 [5,2,8] = Add(%109, %123)
    %125 [5,2,8] = FusedMatMul(%124, prepared.9, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %126 [5,2,2,4] = Reshape(%125, (5,2,2,4))
    %127 [2,2,5,4] = FusedMatMul(%34, %126, transA=1, transB=0, transBatchA=0, transBatchB=1, alpha=1)
    %128 [5,2,2,4] = Transpose(%127, perm=[2,0,1,3])
    %129 [5,2,8] = Reshape(%128, (5,2,8))
    %130 [5,2,8] = FusedMatMul(%129, prepared.8, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %131 [2,2,5,5] = FusedMatMul(%126, %37, transA=0, transB=1, transBatchA=1, transBatchB=1, alpha=1)
    %132 [2,2,5,4] = Transpose(%126, perm=[1,2,0,3])
    %133 [2,2,5,4] = Mul(%132, %38)
    %135 [2,2,5,1] = ReduceSum(%133, (3), keepdims=1)
    %136 [2,2,5,5] = Sub(%131, %135)
    %137 [2,2,5,5] = Mul(%34, %136)
    %138 [2,2,4,5] = FusedMatMul(%25, %137, transA=1, transB=0, transBatchA=1, transBatchB=0, alpha=1)
    %139 [5,2,2,4] = Transpose(%138, perm=[3,0,1,2])
    %140 [5,2,8] = Reshape(%139, (5,2,8))
    %141 [5,2,8] = FusedMatMul(%140, prepared.5, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %142 [5,2,8] = Add(%130, %141)
    %143 [2,2,5,4] = FusedMatMul(%137, %30, transA=0, transB=0, transBatchA=0, transBatchB=1, alpha=1)
    %144 [5,2,2,4] = Transpose(%143, perm=[2,0,1,3])
    %145 [5,2,8] = Reshape(%144, (5,2,8))
    %146 [5,2,8] = FusedMatMul(%145, prepared.3, transA=0, transB=1, transBatchA=0, transBatchB=0, alpha=1)
    %147 [5,2,8] = Add(%142, %146)
    %148 [5,2,8] = Mul(%147, %17)
    %149 [5,2,1] = ReduceMean(%148, (2), keepdims=1)
    %150 [5,2,8] = Mul(%17, %149)
    %151 [5,2,8] = Sub(%147, %150)
    %152 [5,2,8] = Mul(%151, %19)
    %153 [5,2,8] = Add(%124, %152)
    %154 [4,2,8] = Slice(%153, (1), (5), (0))
    %156 [8,8] = Reshape(%154, (8,8))
    %157 [8,8] = Transpose(%156, perm=[1,0])
    %159 [8,192] = Reshape(%3, (8,192))
    %160 [8,192] = MatMul(%157, %159)
    %161 [8,192] = Add(sum.prepared.0, %160)
    %164 [1,8] = MatMul(const[1,8], %156)
    %166 [8] = Reshape(%164, (8))
    %167 [8] = Add(sum.beit.embeddings.patch_embeddings.projection.bias, %166)
    %169 [5,1,8] = ReduceSum(%153, (1), keepdims=1)
    %170 [5,1,8] = Add(sum.prepared.2, %169)
    %173 [10,8] = Reshape(%17, (10,8))
    %174 [8,10] = Transpose(%173, perm=[1,0])
    %175 [10,8] = Reshape(%144, (10,8))
    %176 [8,8] = MatMul(%174, %175)
    %177 [8,8] = Add(sum.prepared.3, %176)
    %180 [1,8] = MatMul(const[1,10], %175)
    %181 [8] = Reshape(%180, (8))
    %182 [8] = Add(sum.prepared.4, %181)
    %184 [10,8] = Reshape(%139, (10,8))
    %185 [8,8] = MatMul(%174, %184)
    %186 [8,8] = Add(sum.prepared.5, %185)
    %188 [1,8] = MatMul(const[1,10], %184)
    %189 [8] = Reshape(%188, (8))
    %190 [8] = Add(sum.prepared.6, %189)
    %194 [2,50] = Reshape(%137, (2,50))
    %195 [1,50] = MatMul((1,1), %194)
    %197 [2,5,5] = Reshape(%195, (2,5,5))
    %198 [2,5,5] = Add(sum.prepared.7, %197)
    %200 [10,8] = Reshape(%128, (10,8))
    %201 [8,8] = MatMul(%174, %200)
    %202 [8,8] = Add(sum.prepared.8, %201)
    %204 [10,8] = Reshape(%39, (10,8))
    %205 [8,10] = Transpose(%204, perm=[1,0])
    %206 [10,8] = Reshape(%124, (10,8))
    %207 [8,8] = MatMul(%205, %206)
    %208 [8,8] = Add(sum.prepared.9, %207)
    %210 [1,8] = MatMul(const[1,10], %206)
    %211 [8] = Reshape(%210, (8))
    %212 [8] = Add(sum.prepared.10, %211)
    %214 [10,8] = Reshape(%47, (10,8))
    %215 [8,10] = Transpose(%214, perm=[1,0])
    %217 [10,16] = Reshape(%117, (10,16))
    %218 [8,16] = MatMul(%215, %217)
    %219 [8,16] = Add(sum.prepared.11, %218)
    %221 [1,16] = MatMul(const[1,10], %217)
    %223 [16] = Reshape(%221, (16))
    %224 [16] = Add(sum.prepared.12, %223)
    %226 [10,8] = Reshape(%109, (10,8))
    %227 [8,10] = Transpose(%226, perm=[1,0])
    %228 [10,16] = Reshape(%57, (10,16))
    %229 [8,16] = MatMul(%227, %228)
    %230 [8,16] = Add(sum.prepared.13, %229)
    %232 [1,8] = MatMul(const[1,10], %226)
    %233 [8] = Reshape(%232, (8))
    %234 [8] = Add(sum.prepared.14, %233)
    %236 [2,2] = Transpose(%96, perm=[1,0])
    %237 [2,8] = MatMul(%236, %68)
    %238 [2,8] = Add(sum.prepared.15, %237)
    %240 [1,2] = MatMul((1,1), %96)
    %241 [2] = Reshape(%240, (2))
    %242 [2] = Add(sum.prepared.16, %241)
    return loss = %80
    return logits = %74
    return new_sum.prepared.0 = %161
    return new_sum.beit.embeddings.patch_embeddings.projection.bias = %167
    return new_sum.prepared.2 = %170
    return new_sum.prepared.3 = %177
    return new_sum.prepared.4 = %182
    return new_sum.prepared.5 = %186
    return new_sum.prepared.6 = %190
    return new_sum.prepared.7 = %198
    return new_sum.prepared.8 = %202
    return new_sum.prepared.9 = %208
    return new_sum.prepared.10 = %212
    return new_sum.prepared.11 = %219
    return new_sum.prepared.12 = %224
    return new_sum.prepared.13 = %230
    return new_sum.prepared.14 = %234
    return new_sum.prepared.15 = %238
    return new_sum.prepared.16 = %242"
  `);
});
