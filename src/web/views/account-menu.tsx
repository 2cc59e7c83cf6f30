// Who is signed in, and what this browser shows and tells.

import { signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Partner } from "../../sdk/messenger/messenger.ts";
import { choose, look, looks } from "../state/looks.ts";
import { type Language, language, languages, texts } from "../texts/texts.ts";
import { useApp, useChat } from "./context.ts";
import { type Form, FormDialog } from "./dialog.tsx";
import { accountsIn } from "./members.tsx";
import { Menu, type MenuItem } from "./menu.tsx";
import { Settings } from "./settings.tsx";

interface AccountMenuProps {
  readonly onOpen: (partner: Partner) => void;
}

export function AccountMenu({ onOpen }: AccountMenuProps) {
  const app = useApp();
  const chat = useChat();
  const t = texts();
  const form = useSignal<Form | undefined>(undefined);
  const areSettingsOpen = useSignal(false);
  /** Asked again after an answer. Each question stops the page for some milliseconds. */
  const permission = useMemo(() => signal(canNotify() ? Notification.permission : "denied"), []);
  const ask: MenuItem = {
    label: t.notify,
    act: () => void Notification.requestPermission().then((answer) => (permission.value = answer)),
  };
  const newGroup: Form = {
    title: t.newGroup,
    action: t.create,
    fields: [
      { name: "name", label: t.groupName, isRequired: true },
      { name: "accounts", label: t.accounts },
      { name: "introduction", label: t.introduction, kind: "text" },
    ],
    onSubmit: async (of) => {
      const [name, introduction] = [of("name"), of("introduction")];
      const group = await chat.client.createGroup({ name, introduction, members: accountsIn(of("accounts")) });
      onOpen({ group });
    },
  };
  const joinByCode: Form = {
    title: t.joinByCode,
    action: t.join,
    fields: [{ name: "code", label: t.code, isRequired: true }],
    onSubmit: async (of) => onOpen({ group: await chat.community.join(of("code")) }),
  };
  const items: MenuItem[] = [
    { label: t.newGroup, act: () => void (form.value = newGroup) },
    { label: t.joinByCode, act: () => void (form.value = joinByCode) },
    { label: t.settings, act: () => void (areSettingsOpen.value = true) },
    ...(permission.value === "default" ? [ask] : []),
    ...looks.map((one) => ({
      label: `${t.look}: ${t.looks[one]}`,
      isOn: look.value === one,
      act: () => void (look.value = one),
    })),
    ...(["en", "zh"] satisfies Language[]).map((one) => ({
      label: languages[one],
      isOn: language.value === one,
      act: () => choose(one),
    })),
    { label: t.signOut, act: () => void app.leave() },
  ];
  return (
    <>
      <Menu label={t.menu} icon="more" items={items}>
        <p class="menu-title">
          <bdi>{chat.people.nameOf(chat.me)}</bdi>
          <small>{chat.me}</small>
        </p>
      </Menu>
      {form.value && <FormDialog form={form.value} onClose={() => (form.value = undefined)} />}
      {areSettingsOpen.value && <Settings onClose={() => (areSettingsOpen.value = false)} />}
    </>
  );
}

/** Not in pages from insecure origins, and not on every phone. */
const canNotify = (): boolean => typeof Notification !== "undefined";
