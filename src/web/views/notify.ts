// Notifications of the system, for who does not see the page and has allowed them.

import { keyOf } from "../../sdk/messenger/partner.ts";
import type { Chat, News } from "../state/chat.ts";

const charactersMax = 200;

export function notify(chat: Chat, { partner, sender, body }: News, onClick: () => void): void {
  if (document.visibilityState === "visible" || typeof Notification === "undefined") return;
  if (Notification.permission !== "granted") return;
  const title = chat.people.titleOf(partner);
  const author = "group" in partner ? `${chat.people.nameOf(sender)}: ` : "";
  // A newer one of the same conversation takes the place of the former.
  const shown = new Notification(title, { body: author + body.slice(0, charactersMax), tag: keyOf(partner) });
  shown.addEventListener("click", () => {
    focus();
    shown.close();
    onClick();
  });
}
