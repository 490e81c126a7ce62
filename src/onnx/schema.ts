import type { Attribute } from "../graph/value.ts";
import type { DType } from "../tensor/tensor.ts";

/** ONNX messages as this project uses them. @see onnx/onnx.proto (IR version 10) */
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly graph: GraphProto;
}

export interface GraphProto {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly initializers: readonly TensorProto[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface NodeProto {
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly AttributeProto[];
}

/** Attribute types of onnx.proto that are used here, with their numbers. */
export const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const;

export interface AttributeProto {
  readonly name: string;
  readonly type: keyof typeof attributeTypes;
  readonly value: Exclude<Attribute, object> | readonly number[];
}

export interface TensorProto {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly raw: Uint8Array;
}

export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  /** A string is a symbolic dimension. */
  readonly dims: readonly (number | string)[];
}
