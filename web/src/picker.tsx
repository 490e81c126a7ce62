import { useEffect, useRef, useState } from "preact/hooks";

interface PickerProps {
  readonly onFiles: (files: readonly File[]) => void;
  readonly live: boolean;
  readonly onLive: () => void;
  /** Whether there is something else to look at already. */
  readonly compact: boolean;
}

const filesOf = (list: FileList | null | undefined) => [...(list ?? [])];

/** Ways in: choose, photograph, drop anywhere on the page, paste anywhere on the page, the camera. */
export function Picker({ onFiles, live, onLive, compact }: PickerProps) {
  const chooser = useRef<HTMLInputElement>(null);
  const photographer = useRef<HTMLInputElement>(null);
  const over = useDropAndPaste(onFiles);
  const take = (input: HTMLInputElement) => {
    onFiles(filesOf(input.files));
    input.value = ""; // so that the same file can be chosen again
  };
  return (
    <section class={`picker${over ? " over" : ""}${compact ? " compact" : ""}`} aria-label="Add pictures">
      {!compact && (
        <>
          <svg viewBox="0 0 48 48" width="56" height="56" aria-hidden="true" class="art">
            <rect x="5" y="9" width="38" height="30" rx="5" fill="none" stroke="currentColor" stroke-width="2.5" />
            <circle cx="16" cy="19" r="3.5" fill="currentColor" />
            <path
              d="m8 35 11-11 8 8 6-6 8 8"
              fill="none"
              stroke="currentColor"
              stroke-width="2.5"
              stroke-linejoin="round"
            />
          </svg>
          <h2>Drop pictures here</h2>
          <p class="hint">or paste or choose them, as many as you like.</p>
        </>
      )}
      <div class="buttons">
        <button class="primary" onClick={() => chooser.current!.click()}>
          {compact ? "Add pictures" : "Choose pictures"}
        </button>
        <button class="photograph" onClick={() => photographer.current!.click()}>
          Take a photo
        </button>
        <button aria-pressed={live} onClick={onLive}>
          {live ? "Stop camera" : "Live camera"}
        </button>
      </div>
      <input
        ref={chooser}
        class="visually-hidden"
        type="file"
        accept="image/*"
        multiple
        tabIndex={-1}
        aria-label="Pictures"
        onChange={({ currentTarget }) => take(currentTarget)}
      />
      <input
        ref={photographer}
        class="visually-hidden"
        type="file"
        accept="image/*"
        capture="environment"
        tabIndex={-1}
        aria-label="Photo"
        onChange={({ currentTarget }) => take(currentTarget)}
      />
    </section>
  );
}

/** Takes files dropped or pasted anywhere; whether some are held over the page. */
function useDropAndPaste(onFiles: PickerProps["onFiles"]): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hover = (event: DragEvent) => {
      event.preventDefault();
      setOver(event.type === "dragover");
    };
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      onFiles(filesOf(event.dataTransfer?.files));
    };
    const paste = (event: ClipboardEvent) => onFiles(filesOf(event.clipboardData?.files));
    const ending = new AbortController();
    const { signal } = ending;
    addEventListener("dragover", hover, { signal });
    addEventListener("dragleave", hover, { signal });
    addEventListener("drop", drop, { signal });
    addEventListener("paste", paste, { signal });
    return () => ending.abort();
  }, [onFiles]);
  return over;
}
