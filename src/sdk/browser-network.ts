// A browser says when its machine is back on a network, and when a page is looked at again: after sleep, after a switch
// between networks, after a while in the background. Elsewhere nothing says so.

/** Calls `doubt` at such events, until the returned function is called. */
export function watchBrowser(doubt: () => void): () => void {
  if (typeof addEventListener !== "function") return () => undefined;
  const page = typeof document === "undefined" ? undefined : document;
  const seen = (): void => {
    if (page?.visibilityState === "visible") doubt();
  };
  addEventListener("online", doubt);
  page?.addEventListener("visibilitychange", seen);
  return () => {
    removeEventListener("online", doubt);
    page?.removeEventListener("visibilitychange", seen);
  };
}
