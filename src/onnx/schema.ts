import type { Attribute } from "../graph/value.ts";
import type { DType } from "../tensor/tensor.ts";

/** ONNX messages as this project uses them, in IR version 8. @see onnx/onnx.proto of ONNX 1.13 */
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly graph: GraphProto;
}

/** A graph: nodes in an order in which each comes after those it reads, constants and weights as initializers. */
export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** One application of an operator; values are known by name. */
export interface NodeProto {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
}

/** Attribute types of onnx.proto that are used here, with their numbers. */
export const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** A setting of a node that is known when the graph is made. */
export interface AttributeProto {
  readonly name: string;
  readonly type: keyof typeof attributeTypes;
  readonly value: Exclude<Attribute, object> | readonly number[];
}

/** A constant or weight; `raw` holds its elements little-endian, row-major. */
export interface TensorProto {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
  /** Where `raw` lies in another file: it is then written as a reference to that place. */
  readonly external?: { readonly location: string; readonly offset: number };
}

/** Name and type of an input or output of the graph. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  /** A string is a symbolic dimension. */
  readonly dims: readonly (number | string)[];
}
