// Where one signs in: a test account by the secret of the link, or a token.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { errorOf } from "../../sdk/client-errors.ts";
import { isToken, NoAccount } from "../state/ticket.ts";
import { texts } from "../texts/texts.ts";
import { useApp } from "./context.ts";
import { Fault } from "./section.tsx";

export function Door() {
  const app = useApp();
  const t = texts();
  const hasLink = app.secret.value !== undefined;
  return (
    <main class="door">
      <div class="card">
        <h1>{t.welcome}</h1>
        <Fault of={app.isLinkBroken.value ? t.badLink : ""} />
        {hasLink ? <TestAccount /> : <p>{t.pasteHint}</p>}
        {hasLink ? (
          <details>
            <summary>{t.signIn}</summary>
            <TokenForm />
          </details>
        ) : (
          <TokenForm />
        )}
        {!hasLink && <p class="hint">{t.linkHint}</p>}
      </div>
    </main>
  );
}

function TestAccount() {
  const app = useApp();
  const t = texts();
  const input = useRef<HTMLInputElement>(null);
  const fault = useSignal("");
  const isBusy = useSignal(false);
  const make = async (event: Event): Promise<void> => {
    event.preventDefault();
    const account = input.current?.value.trim() || undefined;
    isBusy.value = true;
    fault.value = "";
    try {
      await app.make(account);
    } catch (error) {
      if (error instanceof NoAccount) fault.value = error.isOldLink ? t.oldLink : `${t.makeAccount}: ${error.message}`;
      else fault.value = error instanceof TypeError ? t.noServer : errorOf(error).message;
    }
    isBusy.value = false;
  };
  return (
    <form onSubmit={(event) => void make(event)}>
      <p>{t.makeHint}</p>
      <label>
        {t.nameLabel}
        <input ref={input} placeholder={t.namePlaceholder} autoComplete="off" autoCapitalize="off" spellcheck={false} />
      </label>
      <Fault of={fault} />
      <button disabled={isBusy.value}>{t.makeAccount}</button>
    </form>
  );
}

function TokenForm() {
  const app = useApp();
  const t = texts();
  const input = useRef<HTMLInputElement>(null);
  const isWrong = useSignal(false);
  const enter = (event: Event): void => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? "";
    isWrong.value = !isToken(token);
    if (!isWrong.value) void app.enter({ token });
  };
  return (
    <form onSubmit={enter}>
      <label>
        {t.tokenLabel}
        <input ref={input} required autoComplete="off" spellcheck={false} aria-invalid={isWrong.value} />
      </label>
      <Fault of={isWrong.value ? t.notAToken : ""} />
      <button class={app.secret.value === undefined ? "" : "quiet"}>{t.signIn}</button>
    </form>
  );
}
