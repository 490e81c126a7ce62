import { BeitError } from "../errors.ts";

/** @throws BeitError `pipeline/no-model` always: a bundle has no package folder */
export function packagePath(path: string): string {
  const hint = 'give the URL of a model folder, as in pipeline("image-classification", "/models/face-mask")';
  throw new BeitError("pipeline/no-model", `${path}: does not come along into a browser; ${hint}`);
}
