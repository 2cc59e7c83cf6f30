// What the reader has chosen for this browser: colours and language. Where nothing can be kept, for this page alone.

import { effect, signal } from "@preact/signals";
import { keep, read } from "./browser-storage.ts";
import { type Language, language } from "../texts/texts.ts";

type Look = "auto" | "light" | "dark";
export const looks: readonly Look[] = ["auto", "light", "dark"];

const names = { look: "roost look", language: "roost language" };

export const look = signal<Look>("auto");

/** Takes what was chosen before, or else the browser's language, and has it shown; a look is kept from now on. */
export function startLooks(root: HTMLElement): void {
  look.value = looks.find((one) => one === read(names.look)) ?? "auto";
  const chosen = read(names.language) ?? navigator.language;
  language.value = chosen.startsWith("zh") ? "zh" : "en";
  effect(() => {
    root.dataset["look"] = look.value;
    if (look.value !== (read(names.look) ?? "auto")) keep(names.look, look.value);
  });
  effect(() => void (root.lang = language.value));
}

/** Shows another language, and keeps the choice. */
export function choose(chosen: Language): void {
  language.value = chosen;
  keep(names.language, chosen);
}
