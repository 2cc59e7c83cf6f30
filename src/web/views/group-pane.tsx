// A group: its texts and members, and what this account may do with them.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { GroupDetail } from "../../sdk/community/community.ts";
import type { Partner } from "../../sdk/messenger/messenger.ts";
import { GroupDetails } from "../state/group-details.ts";
import { texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { type Form, FormDialog } from "./dialog.tsx";
import { Invitations } from "./invitations.tsx";
import { Members } from "./members.tsx";
import { Fault, Section } from "./section.tsx";

interface GroupPaneProps {
  readonly id: string;
  readonly onOpen: (partner: Partner) => void;
}

export function GroupPane({ id, onOpen }: GroupPaneProps) {
  const chat = useChat();
  const state = useMemo(() => new GroupDetails(chat.community, id), []);
  const form = useSignal<Form | undefined>(undefined);
  useEffect(() => state.follow(), []);
  const detail = state.detail.value;
  const ask = (wanted: Form): void => void (form.value = wanted);
  if (detail === undefined) return <Fault of={state.fault} />;
  return (
    <>
      {detail === null ? (
        <Outside state={state} />
      ) : (
        <>
          <Facts state={state} detail={detail} onAsk={ask} />
          {state.isAdmin && <Invitations state={state} onAsk={ask} />}
          <Members state={state} onAsk={ask} onOpen={onOpen} />
          <Ends state={state} detail={detail} onAsk={ask} />
        </>
      )}
      {form.value && <FormDialog form={form.value} onClose={() => (form.value = undefined)} />}
    </>
  );
}

/** Of a group that this account has left, or never joined. */
function Outside({ state }: { readonly state: GroupDetails }) {
  const t = texts();
  return (
    <Section>
      <p>{state.isAsked.value ? t.asked : t.notAMember}</p>
      <Fault of={state.fault} />
      {!state.isAsked.value && (
        <button
          type="button"
          class="quiet"
          onClick={() =>
            void state.attempt(async () => {
              await state.group.request();
              state.isAsked.value = true;
            })
          }
        >
          {t.askToJoin}
        </button>
      )}
    </Section>
  );
}

interface PartProps {
  readonly state: GroupDetails;
  readonly detail: GroupDetail;
  /** Shows a dialog. */
  readonly onAsk: (form: Form) => void;
}

function Facts({ state, detail, onAsk }: PartProps) {
  const t = texts();
  const { introduction, announcement, name, avatar } = detail;
  const flags = (["isClosed", "hasApproval", "isMuted"] as const).filter((flag) => detail[flag]);
  const edit: Form = {
    title: t.editGroup,
    action: t.save,
    fields: [
      { name: "name", label: t.groupName, value: name, isRequired: true },
      { name: "avatar", label: t.avatarUrl, value: avatar },
      { name: "introduction", label: t.introduction, value: introduction, kind: "text" },
      { name: "announcement", label: t.announcement, value: announcement, kind: "text" },
      ...(["isClosed", "hasApproval", "isMuted"] as const).map(
        (flag) => ({ name: flag, label: t[flag], value: detail[flag] ? "on" : "", kind: "check" }) as const,
      ),
    ],
    // What another admin has changed meanwhile, and this one has not, stays.
    onSubmit: async (of) => {
      const said = {
        name: of("name"),
        avatar: of("avatar"),
        introduction: of("introduction"),
        announcement: of("announcement"),
      };
      const set = { isClosed: of("isClosed") !== "", hasApproval: of("hasApproval") !== "" };
      const wanted = { ...said, ...set, isMuted: of("isMuted") !== "" };
      const before: Readonly<Record<string, unknown>> = { ...detail };
      const changes = Object.entries(wanted).filter(([field, value]) => before[field] !== value);
      if (changes.length > 0) await state.group.update(Object.fromEntries(changes));
    },
  };
  return (
    <>
      {announcement !== "" && <Text title={t.announcement} text={announcement} />}
      {introduction !== "" && <Text title={t.introduction} text={introduction} />}
      <Section>
        {flags.map((flag) => (
          <p key={flag}>{t[flag]}</p>
        ))}
        <Fault of={state.fault} />
        {state.isAdmin && (
          <button type="button" class="quiet wide" onClick={() => onAsk(edit)}>
            {t.editGroup}
          </button>
        )}
      </Section>
    </>
  );
}

function Text({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <Section title={title}>
      <p class="text" dir="auto">
        {text}
      </p>
    </Section>
  );
}

/** Leaving it, and its end. */
function Ends({ state: { group }, detail, onAsk }: PartProps) {
  const t = texts();
  const { role, name, memberCount } = detail;
  const isOwner = role === "owner";
  return (
    <Section>
      <button
        type="button"
        class="quiet wide fault"
        onClick={() =>
          onAsk({
            title: `${t.leave}: ${name}`,
            action: t.leave,
            hint: isOwner && memberCount > 1 ? `${t.leaveHint} ${t.ownerLeaves}` : t.leaveHint,
            onSubmit: () => group.leave(),
          })
        }
      >
        {t.leave}
      </button>
      {isOwner && (
        <button
          type="button"
          class="quiet wide fault"
          onClick={() =>
            onAsk({
              title: t.dismiss,
              action: t.dismiss,
              hint: t.dismissHint(name, memberCount),
              onSubmit: () => group.dismiss(),
            })
          }
        >
          {t.dismiss}
        </button>
      )}
    </Section>
  );
}
