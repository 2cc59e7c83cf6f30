// The texts in the reader's language, and times as people say them there, in the reader's zone.

import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Texts } from "./english.ts";
import { counter, type Count } from "./plural.ts";

export const languages = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof languages;

/** A reader loads the texts of one language: each is a script of its own. */
const tables: Record<Language, () => Promise<(count: Count) => Texts>> = {
  en: async () => (await import("./english.ts")).english,
  zh: async () => (await import("./chinese.ts")).chinese,
};

/** The language that is shown. */
export const language = signal<Language>("en");
const table = signal<Texts | undefined>(undefined);
/** The last one that was asked for. */
let wanted: Language = "en";

/** Loads a language and shows it, unless another one was asked for meanwhile. Rejects if it cannot be loaded. */
export async function show(asked: Language): Promise<void> {
  wanted = asked;
  const made = (await tables[asked]())(counter(asked));
  if (asked !== wanted) return;
  batch(() => {
    language.value = asked;
    table.value = made;
  });
}

/**
 * The texts of the language that is shown; a view that calls it is shown again in another one.
 * @throws Error before the first language was loaded
 */
export function texts(): Texts {
  if (table.value === undefined) throw new Error("no language was loaded yet");
  return table.value;
}

/** The browser's variant of the language, such as en-GB: it says how people there write times. */
const tag = computed(() => navigator.languages.find((name) => name.startsWith(language.value)) ?? language.value);
/** Each is made when it is first used. */
const formatOf = (options: Intl.DateTimeFormatOptions): ReadonlySignal<Intl.DateTimeFormat> =>
  computed(() => new Intl.DateTimeFormat(tag.value, options));
const clock = formatOf({ hour: "numeric", minute: "2-digit" });
const weekday = formatOf({ weekday: "short" });
const date = formatOf({ dateStyle: "short" });
const day = formatOf({ weekday: "long", month: "long", day: "numeric" });
const dayOfYear = formatOf({ dateStyle: "long" });
const exact = formatOf({ dateStyle: "medium", timeStyle: "medium" });
const relative = computed(() => new Intl.RelativeTimeFormat(tag.value, { numeric: "auto" }));
const list = computed(() => new Intl.ListFormat(tag.value));

/** A size in bytes, such as `1.5 MB`. */
export function sizeOf(bytes: number): string {
  const power = Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][power] ?? "byte";
  const format = {
    style: "unit",
    unit,
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: 1,
  } as const;
  return new Intl.NumberFormat(language.value, format).format(bytes / 1_000 ** power);
}

/** The number of a day in the reader's zone: days since 1970. */
export function dayOf(ms: number): number {
  return Math.floor((ms - new Date(ms).getTimezoneOffset() * 60_000) / 86_400_000);
}

/** Such as `14:05`. */
export const clockOf = (ms: number): string => clock.value.format(ms);
/** The day and the time, to the second. */
export const exactTimeOf = (ms: number): string => exact.value.format(ms);
/** Such as `ann, ben and eve`. */
export const listOf = (names: readonly string[]): string => list.value.format(names);

/** The time today, the weekday within a week, the date before. */
export function shortTimeOf(ms: number, nowMs: number): string {
  const days = dayOf(nowMs) - dayOf(ms);
  return (days <= 0 ? clock : days < 7 ? weekday : date).value.format(ms);
}

/** `today`, `yesterday`, or the day. */
export function dayTextOf(ms: number, nowMs: number): string {
  const days = dayOf(ms) - dayOf(nowMs);
  if (days === 0 || days === -1) return relative.value.format(days, "day");
  return (new Date(ms).getFullYear() === new Date(nowMs).getFullYear() ? day : dayOfYear).value.format(ms);
}
