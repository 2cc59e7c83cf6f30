// How others come into a group: invitations, and those who ask to join. For its owner and admins.

import type { GroupDetails } from "../state/group-details.ts";
import { exactTimeOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { Section } from "./section.tsx";

export function Invitations({ state }: { readonly state: GroupDetails }) {
  const chat = useChat();
  const t = texts();
  const { group } = state;
  const button = (label: string, name: string, work: () => Promise<unknown>) => (
    <button type="button" class="quiet" aria-label={`${label}: ${name}`} onClick={() => void state.change(work)}>
      {label}
    </button>
  );
  return (
    <>
      {state.requests.value.length > 0 && (
        <Section title={t.requests}>
          <ul>
            {state.requests.value.map(({ account, text }) => (
              <li key={account} class="entry">
                <span class="entry-text">
                  <bdi title={account}>{chat.people.nameOf(account)}</bdi>
                  <small dir="auto">{text}</small>
                </span>
                {button(t.accept, account, () => group.answer(account, true))}
                {button(t.refuse, account, () => group.answer(account, false))}
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title={t.invitations}>
        <ul>
          {state.invitations.value.map(({ code, expiresAt }) => (
            <li key={code} class="entry">
              <span class="entry-text">
                <code>{code}</code>
                <small>{t.validUntil(exactTimeOf(expiresAt.getTime()))}</small>
              </span>
              {isSecureContext && button(t.copy, code, () => navigator.clipboard.writeText(code))}
              {button(t.revoke, code, () => group.revoke(code))}
            </li>
          ))}
        </ul>
        <button type="button" class="quiet wide" onClick={() => void state.change(() => group.invite())}>
          {t.invite}
        </button>
      </Section>
    </>
  );
}
