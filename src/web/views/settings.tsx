// What an account has set for itself: how others see it, who may write to it, whom it blocks.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { errorOf } from "../../sdk/client-errors.ts";
import type { AccountSettings, Consent } from "../../sdk/community/community.ts";
import { texts } from "../texts/texts.ts";
import { useChat } from "./context.ts";
import { FormDialog } from "./dialog.tsx";
import { Fault, Section } from "./section.tsx";
import { useChanges } from "./use-changes.ts";

const consents: readonly Consent[] = ["everybody", "conversations", "nobody"];

interface SettingsProps {
  readonly onClose: () => void;
}

/** Shown as soon as they have been read. */
export function Settings({ onClose }: SettingsProps) {
  const { community } = useChat();
  const isRead = useSignal(false);
  useEffect(() => {
    community.ready().then(() => (isRead.value = true), onClose);
  }, []);
  return isRead.value ? <SettingsDialog onClose={onClose} /> : null;
}

function SettingsDialog({ onClose }: SettingsProps) {
  const chat = useChat();
  const t = texts();
  useChanges("accountChanged");
  const fault = useSignal("");
  const { community } = chat;
  // As the fields show them: what another device changes meanwhile, and this one does not, stays.
  const { profile, settings } = useMemo(() => ({ profile: community.profile, settings: community.settings }), []);
  const blocked = [...community.blocked];
  const consent = (text: string, before: Consent): Consent => consents.find((one) => one === text) ?? before;
  const save = async (of: (name: string) => string): Promise<void> => {
    const shown = { name: of("name"), avatar: of("avatar") };
    if (shown.name !== profile.name || shown.avatar !== profile.avatar) await community.setProfile(shown);
    const [write, add] = [consent(of("write"), settings.write), consent(of("add"), settings.add)];
    const wanted: AccountSettings = { write, add };
    if (wanted.write !== settings.write || wanted.add !== settings.add) await community.setSettings(wanted);
  };
  const unblock = (account: string): void => {
    community.unblock(account).catch((error: unknown) => (fault.value = errorOf(error).message));
  };
  return (
    <FormDialog
      onClose={onClose}
      form={{
        title: t.settings,
        action: t.save,
        fields: [
          { name: "name", label: t.displayName, value: profile.name },
          { name: "avatar", label: t.avatarUrl, value: profile.avatar },
          { name: "write", label: t.mayWrite, value: settings.write, kind: t.consents },
          { name: "add", label: t.mayAdd, value: settings.add, kind: t.consents },
        ],
        onSubmit: save,
      }}
    >
      {blocked.length > 0 && (
        <Section title={t.blockedAccounts}>
          <Fault of={fault} />
          <ul>
            {blocked.map((account) => (
              <li key={account} class="entry">
                <bdi class="entry-text">{chat.people.nameOf(account)}</bdi>
                <button type="button" class="quiet" onClick={() => unblock(account)}>
                  {t.unblock}
                </button>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </FormDialog>
  );
}
