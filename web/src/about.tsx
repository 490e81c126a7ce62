import { useRef } from "preact/hooks";
import { words } from "./decision.ts";
import { Markdown } from "./markdown.tsx";
import type { ModelFacts } from "./protocol.ts";

/** The model's name, card and limits, behind one button. */
export function About({ model }: { readonly model: ModelFacts }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { name, labels, parameters, precision, threads, card } = model;
  return (
    <>
      <button class="quiet" onClick={() => dialog.current!.showModal()}>
        About the model
      </button>
      <dialog ref={dialog} aria-labelledby="about-title">
        <div class="dialog-head">
          <h2 id="about-title">{words(name)}</h2>
          <button onClick={() => dialog.current!.close()}>Close</button>
        </div>
        <dl class="facts">
          <dt>Answers</dt>
          <dd>{labels.map(words).join(", ")}</dd>
          <dt>Parameters</dt>
          <dd>{(parameters / 1e6).toFixed(1)} million</dd>
          <dt>Arithmetic</dt>
          <dd>{precision === "int8" ? "products in 8 bits (int8)" : "float32"}</dd>
          <dt>Runs on</dt>
          <dd>
            this device, {threads} {threads === 1 ? "thread" : "threads"}
          </dd>
        </dl>
        <p class="hint">
          An answer is a guess by a model about one picture. It knows only its classes, and says one of them of any
          picture.
        </p>
        <Markdown text={card} />
      </dialog>
    </>
  );
}
