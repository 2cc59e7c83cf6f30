// The bar about the connection: nothing while all is well, or for the first two seconds without one.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Ending, Link } from "../state/link.ts";
import { texts } from "../texts/texts.ts";
import { useApp } from "./context.ts";

const patienceMs = 2_000;

export function LinkBar() {
  const app = useApp();
  const link = app.link.value;
  const now = useSignal(0);
  useEffect(() => {
    if (link.kind !== "away") return undefined;
    const tick = (): void => void (now.value = Date.now());
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [link]);
  if (link.kind === "ended") return <EndedBar link={link} />;
  if (link.kind !== "away" || now.value - link.since < patienceMs) return null;
  const t = texts();
  const why = app.isBlocked.value ? t.blocked : navigator.onLine ? t.noServer : t.offline;
  const seconds = Math.max(0, Math.ceil((link.returnsAt - now.value) / 1000));
  return (
    <div class="link-bar">
      {/* The seconds are not read out each time. */}
      <span role="status">{why}</span> <span>{t.returnsIn(seconds)}</span>{" "}
      <button type="button" onClick={() => app.tryNow()}>
        {t.tryNow}
      </button>
    </div>
  );
}

/** Each end has its own sentence and its own button. */
function EndedBar({ link: { why, text } }: { readonly link: Link & { readonly kind: "ended" } }) {
  const app = useApp();
  const t = texts();
  const comesBack: Partial<Record<Ending, string>> = { kicked: t.useHere, stopped: t.connectAgain };
  const again = comesBack[why] ?? (why === "expired" && app.secret.value !== undefined ? t.connectAgain : undefined);
  return (
    <div class="link-bar is-ended" role="alert">
      <span>{why === "refused" ? t.refused(text) : t[why]}</span>{" "}
      <button type="button" onClick={() => void (again === undefined ? app.leave() : app.again())}>
        {again ?? t.signInAgain}
      </button>
    </div>
  );
}
