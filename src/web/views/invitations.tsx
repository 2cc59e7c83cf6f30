// How others come into a group: invitations, and those who ask to join. For its owner and admins.

import type { GroupDetails } from "../state/group-details.ts";
import { exactTimeOf, texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import type { Form } from "./dialog.tsx";
import { Section } from "./section.tsx";

const dayMs = 86_400_000;
/** For how many days an invitation may be good. */
const days = [1, 7, 30];

interface InvitationsProps {
  readonly state: GroupDetails;
  /** Shows a dialog. */
  readonly onAsk: (form: Form) => void;
}

export function Invitations({ state, onAsk }: InvitationsProps) {
  const chat = useChat();
  const t = texts();
  const { group } = state;
  const invite: Form = {
    title: t.invite,
    action: t.invite,
    fields: [
      { name: "days", label: t.validFor, value: "7", kind: Object.fromEntries(days.map((n) => [n, t.days(n)])) },
      { name: "uses", label: t.usesMax, kind: "number" },
    ],
    onSubmit: async (of) => {
      const uses = of("uses");
      await group.invite({ expiresInMs: Number(of("days")) * dayMs, ...(uses !== "" && { usesMax: Number(uses) }) });
      await state.read();
    },
  };
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
          {state.invitations.value.map(({ code, expiresAt, usesLeft }) => (
            <li key={code} class="entry">
              <span class="entry-text">
                <code>{code}</code>
                <small>
                  {t.validUntil(exactTimeOf(expiresAt.getTime()))}
                  {usesLeft !== undefined && ` · ${t.usesLeft(usesLeft)}`}
                </small>
              </span>
              {isSecureContext && button(t.copy, code, () => navigator.clipboard.writeText(code))}
              {button(t.revoke, code, () => group.revoke(code))}
            </li>
          ))}
        </ul>
        <button type="button" class="quiet wide" onClick={() => onAsk(invite)}>
          {t.invite}
        </button>
      </Section>
    </>
  );
}
