// What the reader has chosen is kept in the address of the page, after #, so that a link shows the same.

export function storedInAddress(): URLSearchParams {
  return new URLSearchParams(location.hash.slice(1));
}

export function storeInAddress(values: Record<string, string>): void {
  if (location.protocol === "about:") return; // a frame in a notebook has no address
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}
