// Starts a worker from the text of its code.

/** Starts a worker. A page that is opened from a disk may not load one from a file. */
export function startWorker(code: string): Worker {
  return new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
}
