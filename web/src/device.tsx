import { useEffect, useState } from "preact/hooks";
import type { Classifier } from "./classifier.ts";
import type { DeviceReport, ModelFacts } from "./protocol.ts";

const WISH = "beit graphics card"; // kept from visit to visit while it is used
const RUNTIME_MB = 27;

interface DeviceProps {
  readonly model: ModelFacts;
  readonly classifier: Classifier;
}

/** What the model runs on. Where there is a graphics card it is tried when asked for, and used where it is faster. */
export function Device({ model: { threads, graphicsCard }, classifier }: DeviceProps) {
  const [report, setReport] = useState<DeviceReport | "trying">({ device: "processor" });
  useEffect(
    () =>
      classifier.onDevice((found) => {
        setReport(found);
        remember(found.device === "graphics card");
      }),
    [classifier],
  );
  const tryGraphicsCard = () => {
    setReport("trying");
    classifier.use("graphics card");
  };
  useEffect(() => {
    if (graphicsCard && isRemembered()) tryGraphicsCard();
  }, [graphicsCard]);

  const processor = `this device's processor, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  if (!graphicsCard) return processor;
  if (report === "trying") return <span role="status">{processor}; trying the graphics card …</span>;
  if (report.milliseconds) {
    const { milliseconds, device } = report;
    const choices = [
      ["processor", processor, milliseconds.processor],
      ["graphics card", "its graphics card, in floating point", milliseconds.graphicsCard],
    ] as const;
    return (
      <fieldset class="devices">
        <legend class="visually-hidden">Runs on</legend>
        {choices.map(([value, text, ms]) => (
          <label key={value}>
            <input type="radio" name="device" checked={value === device} onChange={() => classifier.use(value)} />
            {text}: {Math.ceil(ms)} ms a picture
          </label>
        ))}
      </fieldset>
    );
  }
  return (
    <>
      <p role="status">
        {processor}
        {report.remark !== undefined && `; the graphics card cannot be used: ${report.remark}`}
      </p>
      <button onClick={tryGraphicsCard}>Try the graphics card</button>
      <p class="hint">
        Loads {RUNTIME_MB} MB, once, and uses it if it is faster. It computes in floating point: a score may differ by a
        percent.
      </p>
    </>
  );
}

function isRemembered(): boolean {
  try {
    return localStorage.getItem(WISH) !== null;
  } catch {
    return false; // a browser that keeps nothing
  }
}

function remember(wish: boolean): void {
  try {
    if (wish) localStorage.setItem(WISH, "yes");
    else localStorage.removeItem(WISH);
  } catch {
    // it only costs asking again
  }
}
