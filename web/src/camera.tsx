import { useEffect, useRef, useState } from "preact/hooks";
import type { Classifier, Scored } from "./classifier.ts";
import type { Rule } from "./decision.ts";
import { ScoreBars, Verdict } from "./scores.tsx";

interface CameraProps {
  readonly classifier: Classifier;
  readonly rule: Rule;
  readonly onPicture: (files: readonly File[]) => void;
  readonly onEnd: () => void;
}

const reasons: Record<string, string> = {
  NotAllowedError: "the browser was told not to allow it",
  NotFoundError: "there is none",
  NotReadableError: "another program uses it",
};

/** The camera's picture with the answer to each frame that the model has time for. */
export function Camera({ classifier, rule, onPicture, onEnd }: CameraProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [scored, setScored] = useState<Scored>();
  const [rate, setRate] = useState(0);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const ending = new AbortController();
    watch(video.current!, classifier, ending.signal, (found, perSecond) => {
      setScored(found);
      setRate(perSecond);
    }).catch((error: Error) => setProblem(reasons[error.name] ?? error.message));
    return () => ending.abort();
  }, [classifier]);

  if (problem) {
    return (
      <p class="notice error" role="alert">
        The camera cannot be used: {problem}. <button onClick={onEnd}>Close</button>
      </p>
    );
  }
  return (
    <section class="card camera" aria-label="Live camera">
      <div class="frame">
        <video ref={video} autoplay muted playsInline aria-label="Camera" />
      </div>
      <div class="about">
        {scored ? (
          <>
            <Verdict scores={scored.scores} rule={rule} />
            <ScoreBars scores={scored.scores} rule={rule} />
            <p class="hint" data-testid="rate">
              {rate.toFixed(1)} answers a second
            </p>
          </>
        ) : (
          <p class="hint">Waiting for the camera …</p>
        )}
        <button onClick={() => snap(video.current!).then((file) => onPicture([file]))}>Keep this picture</button>
      </div>
    </section>
  );
}

const SMOOTHING = 0.8; // of the rate shown

/** Classifies frames one after the other until `signal`. @throws what the camera or the model throws */
async function watch(
  video: HTMLVideoElement,
  classifier: Classifier,
  signal: AbortSignal,
  onAnswer: (scored: Scored, perSecond: number) => void,
): Promise<void> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } }, audio: false });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) return;
    video.srcObject = stream;
    await video.play();
    await classifier.ready;
    let [last, rate] = [performance.now(), 0];
    while (!signal.aborted) {
      if (!stream.active) throw new Error("it was switched off");
      const scored = await classifier.classify(await createImageBitmap(video));
      const now = performance.now();
      const current = 1000 / (now - last);
      rate = rate === 0 ? current : SMOOTHING * rate + (1 - SMOOTHING) * current;
      last = now;
      if (!signal.aborted) onAnswer(scored, rate);
    }
  } finally {
    stop();
  }
}

let snaps = 0;

/** The frame at hand as a file. */
async function snap(video: HTMLVideoElement): Promise<File> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  const blob = await canvas.convertToBlob({ type: "image/png" });
  return new File([blob], `camera ${++snaps}.png`, { type: "image/png" });
}
