import { useRef } from "preact/hooks";
import type { Classifier } from "./classifier.ts";
import { words } from "./decision.ts";
import { Device } from "./device.tsx";
import { Markdown } from "./markdown.tsx";
import type { ModelFacts } from "./protocol.ts";

interface AboutProps {
  readonly model: ModelFacts;
  readonly classifier: Classifier;
}

/** The model's name, card and limits, and what it runs on, behind one button. */
export function About({ model, classifier }: AboutProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { name, labels, parameters, precision, card } = model;
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
            <Device model={model} classifier={classifier} />
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
