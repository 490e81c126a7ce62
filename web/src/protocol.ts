import type { ClassScore } from "beit";

// What the page and its worker say to each other.

/** What is known of the model once it is loaded. */
export interface ModelFacts {
  readonly name: string;
  readonly precision: "fp32" | "int8";
  readonly parameters: number;
  readonly labels: readonly string[];
  /** The model card, Markdown. */
  readonly card: string;
  readonly threads: number;
  /** Whether the browser offers a graphics card to compute with (WebGPU). */
  readonly graphicsCard: boolean;
}

/** What classifies from now on. */
export interface DeviceReport {
  readonly device: "processor" | "graphics card";
  /** Of a picture on either, where both were tried. */
  readonly milliseconds?: { readonly processor: number; readonly graphicsCard: number } | undefined;
  /** Why the graphics card cannot be used. */
  readonly remark?: string;
}

/** A picture as the page has it: a file, or a frame of the camera. */
export type PageImage = Blob | ImageBitmap;

/** A heat-map over its picture, and the class it speaks of. */
export interface Heat {
  readonly label: string;
  readonly overlay: ImageBitmap;
}

/** Asks for one of the devices; a {@link DeviceReport} follows. */
export interface DeviceWish {
  readonly kind: "device";
  readonly device: DeviceReport["device"];
}

export type Question =
  | { readonly id: number; readonly kind: "classify"; readonly image: PageImage }
  | { readonly id: number; readonly kind: "explain"; readonly image: PageImage; readonly label?: string | undefined };

export type Answer =
  | { readonly kind: "progress"; readonly received: number; readonly total: number }
  | { readonly kind: "ready"; readonly model: ModelFacts }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "device"; readonly report: DeviceReport }
  | { readonly kind: "scores"; readonly id: number; readonly scores: ClassScore[]; readonly milliseconds: number }
  | { readonly kind: "heat"; readonly id: number; readonly heat: Heat }
  | { readonly kind: "error"; readonly id: number; readonly message: string };
