// The address of a page stores its state after #, so that a link reproduces what the reader sees.

export function storedInAddress(): URLSearchParams {
  return new URLSearchParams(location.hash.slice(1));
}

/** A name may have several values in a list of pairs. */
export function storeInAddress(values: Record<string, string> | [string, string][]): void {
  if (location.protocol === "about:") return; // a frame in a notebook has no address
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}
