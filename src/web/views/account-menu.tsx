// Who is signed in, and what this browser shows and tells.

import { useSignal } from "@preact/signals";
import { choose, look, looks } from "../state/looks.ts";
import { type Language, language, languages, texts } from "../texts/texts.ts";
import { useApp, useChat } from "./context.ts";
import { Menu, type MenuItem } from "./menu.tsx";

export function AccountMenu() {
  const app = useApp();
  const chat = useChat();
  const t = texts();
  /** Asked again after an answer. */
  const permission = useSignal(canNotify() ? Notification.permission : "denied");
  const ask: MenuItem = {
    label: t.notify,
    act: () => void Notification.requestPermission().then((answer) => (permission.value = answer)),
  };
  const items: MenuItem[] = [
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
    <Menu label={t.menu} icon="more" items={items}>
      <p class="menu-title">
        <bdi>{chat.people.nameOf(chat.me)}</bdi>
        <small>{chat.me}</small>
      </p>
    </Menu>
  );
}

/** Not in pages from insecure origins, and not on every phone. */
const canNotify = (): boolean => typeof Notification !== "undefined";
