import { useEffect, useState } from "preact/hooks";
import type { ModelFacts } from "./protocol.ts";

interface LoadingProps {
  readonly model: ModelFacts | undefined;
  readonly failure: string | undefined;
  readonly progress: { tell(received: number, total: number): void };
}

const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);

/** How the download goes; afterwards what it runs on; or why there is no model. */
export function Loading({ model, failure, progress }: LoadingProps) {
  const [[received, total], setCount] = useState<readonly [number, number]>([0, 0]);
  useEffect(() => {
    progress.tell = (came, all) => setCount([came, all]);
  }, [progress]);

  if (failure) {
    return (
      <p class="notice error" role="alert">
        The model could not be loaded: {failure}. <button onClick={() => location.reload()}>Try again</button>
      </p>
    );
  }
  if (model) return model.threads > 1 ? null : <SingleThread />;
  const share = total > 0 ? received / total : 0;
  return (
    <div class="loading">
      <label for="download">
        {share < 1 ? "Loading the model, once" : "Starting the model"}
        <span>{total > 0 && `${megabytes(received)} of ${megabytes(total)} MB`}</span>
      </label>
      <progress id="download" value={share} max="1" />
    </div>
  );
}

/** Chosen by what the browser says of itself: without isolation there is no shared memory, hence one thread. */
const SingleThread = () =>
  crossOriginIsolated ? null : (
    <p class="notice" data-testid="one-thread">
      Working with one thread: this page is not cross-origin isolated. Reload it once to use all cores, where the
      browser allows that.
    </p>
  );
