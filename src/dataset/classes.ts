import { BeitError } from "../platform/errors.ts";
import { compareCodePoints, type FolderEntry, listFolder } from "../platform/folders.ts";
import { isImageName } from "./images.ts";
import type { Layout } from "./layout.ts";
import { canonicalSplit } from "./metadata.ts";
import type { Dataset, Sample } from "./sample.ts";

/**
 * The data set's classes by code point, or the model's in its order once the data set's are known to be among them.
 * @param labels the names that pictures are labelled with
 * @throws BeitError `dataset/no-images`, `dataset/unknown-class`, `dataset/one-class`.
 */
export async function classesOf(
  root: string,
  labels: ReadonlySet<string>,
  layout: Layout,
  known?: readonly string[],
): Promise<string[]> {
  const empty = layout.emptyClasses.map(({ folder }) => folder.slice(folder.lastIndexOf("/") + 1).normalize("NFC"));
  const found = [...new Set([...labels, ...empty])].sort(compareCodePoints);
  if (labels.size === 0) throw new BeitError("dataset/no-images", `${root}: ${await whyNoImages(root, layout)}`);
  if (known) return knownClasses(root, found, known);
  if (found.length === 1) {
    throw new BeitError(
      "dataset/one-class",
      `${root}: only one class, ${found[0]}; telling pictures apart needs two or more${nestedHint(root, layout, true)}`,
    );
  }
  return found;
}

function knownClasses(root: string, found: readonly string[], known: readonly string[]): string[] {
  const names = new Set(known.map((name) => name.normalize("NFC")));
  const unknown = found.filter((name) => !names.has(name));
  if (unknown.length > 0) {
    throw new BeitError(
      "dataset/unknown-class",
      `${root}: the model does not know ${unknown.join(", ")}; the data set's classes are ${found.join(", ")}; the model's are ${known.join(", ")}`,
    );
  }
  return [...known];
}

const picturesIn = (names: readonly FolderEntry[]): number =>
  names.filter(({ name, kind }) => kind === "file" && isImageName(name)).length;

async function whyNoImages(root: string, layout: Layout): Promise<string> {
  const names = await listFolder(root);
  const loose = picturesIn(names);
  if (loose > 0)
    return `${loose} pictures lie in the folder itself; expected one folder per class, such as ${root}/CLASS/1.jpg`;
  for (const { name, kind } of names) {
    const split = kind === "folder" ? canonicalSplit(name) : undefined;
    const inSplit = split ? picturesIn(await listFolder(`${root}/${name}`)) : 0;
    if (inSplit > 0)
      return `${inSplit} pictures lie in ${root}/${name} itself, which is taken for the ${split} split; expected one folder per class in it, such as ${root}/${name}/CLASS/1.jpg`;
  }
  if (layout.entries.length > 0) return `${layout.entries.length} pictures, but none has a label`;
  if (layout.notImages > 0) return `no pictures, only ${layout.notImages} other files`;
  return "no pictures; expected one folder of pictures per class";
}

/** Names the folder below when the one given looks one level too high: the usual reason for odd classes. */
function nestedHint(root: string, layout: Layout, oneClass: boolean): string {
  const paths = layout.entries
    .map(({ id }) => id.split("/"))
    .filter((parts) => parts.length > 2 && !canonicalSplit(parts[0]!));
  const inner = paths.find((parts) => canonicalSplit(parts[1]!)) ?? (oneClass ? paths[0] : undefined);
  return inner ? `. Did you mean ${root}/${inner[0]}, which holds ${inner[1]}?` : "";
}

/** Refuses class folders without a picture in the wanted split. @throws BeitError `dataset/empty-class`. */
export function requireFullClasses(root: string, layout: Layout, split: string): void {
  const drawn = split === "validation" && !layout.entries.some((entry) => entry.split === "validation");
  const source = drawn ? "train" : split;
  const empty = layout.emptyClasses.filter((entry) => source === "all" || (entry.split ?? "train") === source);
  if (empty.length === 0) return;
  const folders = empty.map(({ folder }) => `${root}/${folder}`).join(", ");
  throw new BeitError(
    "dataset/empty-class",
    `no picture in the class folder ${folders}: add pictures or remove the folder${nestedHint(root, layout, false)}`,
  );
}

/** Refuses a training split without a picture of some class. @throws BeitError `dataset/empty-class`. */
export function requireEveryClass({ root, split, classes }: Dataset, samples: readonly Sample[]): void {
  const present = new Set(samples.map(({ label }) => label));
  const absent = classes.filter((_, i) => !present.has(i));
  if (absent.length > 0) {
    throw new BeitError("dataset/empty-class", `${root}: split ${split} has no picture of ${absent.join(", ")}`);
  }
}
