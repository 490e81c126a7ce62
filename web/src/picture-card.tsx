import { useEffect, useRef, useState } from "preact/hooks";
import type { Classifier } from "./classifier.ts";
import { type Rule, words } from "./decision.ts";
import type { Heat } from "./protocol.ts";
import type { Row } from "./rows.ts";
import { ScoreBars, Verdict } from "./scores.tsx";

interface PictureCardProps {
  readonly row: Row;
  readonly rule: Rule;
  readonly classifier: Classifier;
}

/** One picture with its answer and, on request, what the model looked at. */
export function PictureCard({ row, rule, classifier }: PictureCardProps) {
  const [heat, setHeat] = useState<Heat>();
  const [shown, setShown] = useState(false);
  const [problem, setProblem] = useState<string>();
  const toggle = () => {
    setShown(!shown);
    if (heat || shown) return;
    classifier.explain(row.image).then(setHeat, (error: Error) => setProblem(error.message));
  };
  return (
    <article class="card" aria-label={row.name}>
      <div class="frame">
        {row.error === undefined && <img src={row.url} alt={row.name} />}
        {shown && heat && <HeatCanvas heat={heat} name={row.name} />}
        {row.error !== undefined && <p class="broken">This picture cannot be read.</p>}
      </div>
      <div class="about">
        <h2 class="name">{row.name}</h2>
        {row.error !== undefined && (
          <p class="notice error" role="alert">
            {row.error}
          </p>
        )}
        {row.scores ? (
          <>
            <Verdict scores={row.scores} rule={rule} />
            <ScoreBars scores={row.scores} rule={rule} />
            <button aria-pressed={shown} onClick={toggle}>
              {shown && !heat && !problem ? "Computing …" : "Show what it looked at"}
            </button>
            {shown && heat && (
              <p class="hint">Coloured where the picture spoke for “{words(heat.label)}”, grey where it did not.</p>
            )}
            {problem && <p class="notice error">{problem}</p>}
          </>
        ) : (
          row.error === undefined && <p class="hint">Waiting for the model …</p>
        )}
      </div>
    </article>
  );
}

function HeatCanvas({ heat: { overlay, label }, name }: { readonly heat: Heat; readonly name: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current!.getContext("2d")!.drawImage(overlay, 0, 0);
  }, [overlay]);
  const text = `Heat-map over ${name}: where it spoke for ${words(label)}`;
  return (
    <canvas ref={canvas} class="heat" width={overlay.width} height={overlay.height} role="img" aria-label={text} />
  );
}
