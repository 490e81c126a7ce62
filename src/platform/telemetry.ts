/**
 * Keeps onnxruntime from sending usage data to Microsoft, which its builds for Linux and macOS do from 1.30 on, with a device id and
 * a database in the user's cache folder. To be called before it is loaded, and by the main thread: it reads the environment
 * of the process, of which a worker thread has only a copy. On Windows its events go to the system's own tracing, which
 * this does not change.
 * @see onnxruntime 1.30 `onnxruntime/core/platform/posix/telemetry.cc`
 */
export function disableTelemetry(): void {
  process.env.ORT_DISABLE_TELEMETRY = "1";
}
