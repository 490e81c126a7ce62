import { useCallback, useRef, useState } from "preact/hooks";
import type { Classifier } from "./classifier.ts";
import type { Row } from "./rows.ts";

/** A picture to add: a file, or something else with a name. */
export type NamedImage = File;

/** The pictures of the page: added ones are classified in order and their rows updated as answers come. */
export function useRows(classifier: Classifier) {
  const [rows, setRows] = useState<readonly Row[]>([]);
  const [chosenId, setChosenId] = useState<number>();
  const nextId = useRef(0);
  const wanted = useRef(new Set<number>()); // rows that have not been removed
  const last = useRef<Promise<unknown>>(Promise.resolve()); // one question at a time: others need not wait for the removed

  const add = useCallback(
    (files: readonly NamedImage[]) => {
      const added = files.map((file): Row => {
        return { id: nextId.current++, name: file.name, image: file, url: URL.createObjectURL(file) };
      });
      if (added.length === 0) return;
      setRows((before) => [...before, ...added]);
      setChosenId(added[0]!.id);
      const update = (id: number, found: Partial<Row>) =>
        setRows((before) => before.map((row) => (row.id === id ? { ...row, ...found } : row)));
      const classify = async ({ id, image }: Row) => {
        if (!wanted.current.has(id)) return;
        await classifier.classify(image).then(
          ({ scores, milliseconds }) => update(id, { scores, milliseconds }),
          (error: Error) => update(id, { error: error.message.replace(/^picture 1: /, "") }),
        );
      };
      for (const row of added) {
        wanted.current.add(row.id);
        last.current = last.current.then(() => classify(row));
      }
    },
    [classifier],
  );
  const clear = useCallback(() => {
    wanted.current.clear();
    setRows((before) => {
      for (const { url } of before) URL.revokeObjectURL(url);
      return [];
    });
    setChosenId(undefined);
  }, []);
  return { rows, add, clear, chosen: rows.find(({ id }) => id === chosenId), choose: setChosenId };
}
