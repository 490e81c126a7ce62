import { useEffect, useState } from "preact/hooks";
import { About } from "./about.tsx";
import { Camera } from "./camera.tsx";
import type { Classifier } from "./classifier.ts";
import { type Rule, words } from "./decision.ts";
import { Loading } from "./loading.tsx";
import { Picker } from "./picker.tsx";
import { PictureCard } from "./picture-card.tsx";
import type { ModelFacts } from "./protocol.ts";
import { answerOf, type Row } from "./rows.ts";
import { RuleControls } from "./rule-controls.tsx";
import { Table } from "./table.tsx";
import { useRows } from "./use-rows.ts";

interface AppProps {
  readonly classifier: Classifier;
  /** Where the download's progress is told. */
  readonly progress: { tell(received: number, total: number): void };
}

const FIRST_RULE = { threshold: 0.5, band: 0.15 };

/** The whole page. */
export function App({ classifier, progress }: AppProps) {
  const [model, setModel] = useState<ModelFacts>();
  const [failure, setFailure] = useState<string>();
  const [rule, setRule] = useState<Rule>({ label: "", ...FIRST_RULE });
  const [live, setLive] = useState(false);
  const { rows, add, clear, chosen, choose } = useRows(classifier);

  useEffect(() => {
    classifier.ready.then(
      (facts) => {
        setModel(facts);
        setRule({ label: facts.labels[0]!, ...FIRST_RULE });
      },
      (error: Error) => setFailure(error.message),
    );
  }, [classifier]);

  return (
    <>
      <header class="top">
        <div class="brand">
          <img src="./icon.svg" alt="" width="32" height="32" />
          <div>
            <h1>{model ? words(model.name) : "beit"}</h1>
            <p>{model ? model.labels.map(words).join(" · ") : "image classifier"}</p>
          </div>
        </div>
        {model && <About model={model} classifier={classifier} />}
      </header>
      <main>
        <p class="promise">
          <Lock />
          <span>
            <strong>Nothing is uploaded.</strong> The model runs on this device; pictures and camera frames never leave
            it.
          </span>
        </p>
        <Loading model={model} failure={failure} progress={progress} />
        <Picker onFiles={add} live={live} onLive={() => setLive(!live)} compact={rows.length > 0 || live} />
        {live && <Camera classifier={classifier} rule={rule} onPicture={add} onEnd={() => setLive(false)} />}
        {rows.length > 0 && model && (
          <div class="results">
            <div class="side">
              {chosen && <PictureCard key={chosen.id} row={chosen} rule={rule} classifier={classifier} />}
              <RuleControls rule={rule} labels={model.labels} onRule={setRule} />
            </div>
            {rows.length > 1 && (
              <Table
                rows={rows}
                labels={model.labels}
                rule={rule}
                chosen={chosen?.id}
                onChoose={choose}
                onClear={clear}
              />
            )}
          </div>
        )}
        <p class="visually-hidden" role="status">
          {statusOf(rows, rule)}
        </p>
      </main>
    </>
  );
}

/** What a screen reader is told as answers come. */
function statusOf(rows: readonly Row[], rule: Rule): string {
  const waiting = rows.filter((row) => answerOf(row, rule) === "").length;
  if (rows.length === 0) return "";
  if (waiting > 0) return `${waiting} of ${rows.length} pictures waiting`;
  const [last] = rows.slice(-1) as [Row];
  return rows.length === 1 ? `${last.name}: ${words(answerOf(last, rule))}` : `${rows.length} pictures answered`;
}

const Lock = () => (
  <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
    <path
      fill="currentColor"
      d="M12 2a5 5 0 0 0-5 5v3H6a2 2 0 0 0-2 2v8a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-8a2 2 0 0 0-2-2h-1V7a5 5 0 0 0-5-5Zm-3 8V7a3 3 0 1 1 6 0v3Zm3 3a1.6 1.6 0 0 1 .9 2.9V18h-1.8v-2.1A1.6 1.6 0 0 1 12 13Z"
    />
  </svg>
);
