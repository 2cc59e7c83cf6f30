// Effects that do not wait for the next frame, as `useSignalEffect` does: a key that is pressed meanwhile would find
// the focus and the text of before.

import { effect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/** Runs once the view is in the document, and again whenever a signal changes that it has read. */
export function useNow(run: () => void): void {
  const latest = useRef(run);
  latest.current = run;
  useLayoutEffect(() => effect(() => latest.current()), []);
}
