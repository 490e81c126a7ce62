import { render } from "preact";
import { App } from "./app.tsx";
import { startClassifier } from "./classifier.ts";
import "./style.css";

const progress = { tell: (_received: number, _total: number) => {} };
const classifier = startClassifier((received, total) => progress.tell(received, total));
render(<App classifier={classifier} progress={progress} />, document.getElementById("app")!);

// Once the model is here, the rest of the site is kept too, for use without a network.
async function keepSite(): Promise<void> {
  const registration = await navigator.serviceWorker?.register("./sw.js"); // without https there is none
  registration?.active?.postMessage("keep");
}

classifier.ready.then(keepSite).catch(() => undefined); // why there is no model, the page says
