// Browser events after which connections may be broken: the machine is back on a network, or the page is visible again
// (after sleep, a switch between networks, or a while in the background). Other platforms have no such events.

/** Calls `doubt` on such events until the returned function is called. */
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
