// What the views show, handed down by contexts.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../state/app.ts";
import type { Chat } from "../state/chat.ts";

export const AppContext = createContext<App | undefined>(undefined);
export const ChatContext = createContext<Chat | undefined>(undefined);

/** @throws Error outside of the page */
export function useApp(): App {
  const app = useContext(AppContext);
  if (app === undefined) throw new Error("this view needs an AppContext around it");
  return app;
}

/** @throws Error where nobody is signed in */
export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (chat === undefined) throw new Error("this view needs a ChatContext around it");
  return chat;
}
