// A worker that computes for long lets the messages to it through, from time to time.

const turn = new MessageChannel();
turn.port1.start();

/** Waits until the messages that have arrived are handled. A timer would wait longer. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    turn.port1.addEventListener("message", () => resolve(), { once: true });
    turn.port2.postMessage(null);
  });
}
