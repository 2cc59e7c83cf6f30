// What the views show, handed down by contexts.

import { type Context, createContext } from "preact";
import { useContext } from "preact/hooks";
import type { App } from "../state/app.ts";
import type { Chat } from "../state/chat.ts";

export const AppContext = createContext<App | undefined>(undefined);
export const ChatContext = createContext<Chat | undefined>(undefined);

/** @throws Error outside of the page */
export const useApp = (): App => useGiven(AppContext);

/** @throws Error where nobody is signed in */
export const useChat = (): Chat => useGiven(ChatContext);

function useGiven<Value>(context: Context<Value | undefined>): Value {
  const value = useContext(context);
  if (value === undefined) throw new Error("this view needs a context around it");
  return value;
}
