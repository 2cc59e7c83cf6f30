// What was written and not sent, for each conversation of an account; survives a reload of the tab.

import { type Signal, signal } from "@preact/signals";
import { read, textOf, write } from "./tab-storage.ts";

/** The bounds on what is kept: conversations, the oldest are forgotten, and characters of each. */
const draftsMax = 200;
const charactersMax = 20_000;

export class Drafts {
  private readonly name: string;
  private readonly texts: Signal<ReadonlyMap<string, string>>;

  constructor(account: string) {
    this.name = `roost drafts ${account}`;
    const kept = read(this.name);
    const keys = typeof kept === "object" && kept !== null ? Object.keys(kept) : [];
    this.texts = signal(new Map(keys.map((key) => [key, textOf(kept, key) ?? ""])));
  }

  /** '' if there is none. A view that calls it is shown again when drafts change. */
  of(key: string): string {
    return this.texts.value.get(key) ?? "";
  }

  set(key: string, text: string): void {
    if (text === this.texts.peek().get(key)) return;
    const texts = new Map(this.texts.peek());
    texts.delete(key);
    if (text.trim() !== "") texts.set(key, text.slice(0, charactersMax));
    for (const oldest of texts.keys()) if (texts.size > draftsMax) texts.delete(oldest);
    this.texts.value = texts;
    write(this.name, Object.fromEntries(texts));
  }

  /** Forgets all of them. */
  clear(): void {
    write(this.name, undefined);
  }
}
