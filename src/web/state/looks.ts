// What the reader has chosen for this browser: colours and language. Where nothing can be kept, for this page alone.

import { effect, signal } from "@preact/signals";
import { keep, read } from "./browser-storage.ts";
import { type Language, language, show } from "../texts/texts.ts";

type Look = "auto" | "light" | "dark";
export const looks: readonly Look[] = ["auto", "light", "dark"];

const names = { look: "roost look", language: "roost language" };

export const look = signal<Look>("auto");

/**
 * Takes what was chosen before, or else the browser's language, and has it shown; a look is kept from now on. Resolves
 * when the texts are there, and rejects if they cannot be loaded.
 */
export async function startLooks(root: HTMLElement): Promise<void> {
  look.value = looks.find((one) => one === read(names.look)) ?? "auto";
  effect(() => {
    root.dataset["look"] = look.value;
    if (look.value !== (read(names.look) ?? "auto")) keep(names.look, look.value);
  });
  effect(() => void (root.lang = language.value));
  const chosen = read(names.language) ?? navigator.language;
  await show(chosen.startsWith("zh") ? "zh" : "en");
}

/** Keeps the choice of another language, and shows it: when the page is loaded again, if its texts cannot be loaded. */
export function choose(chosen: Language): void {
  keep(names.language, chosen);
  void show(chosen).catch(() => undefined);
}
