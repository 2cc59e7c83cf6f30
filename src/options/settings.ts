// The settings of a role, derived from its options: one object. A setting is named after its option, in camel case,
// with the unit of its value at the end: `--dns-ttl` is `dnsTtlMs`.

import type { Role } from "./option.ts";
import { type OptionName, options, optionsOfRole, type ValueOf } from "./options.ts";

type Options = typeof options;
type Camel<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Name;
type SettingName<Name extends OptionName> = `${Camel<Name>}${Options[Name]["unit"]}`;

/** The options of a role that are settings, with a default or without one; of several roles those that all take. */
type Told<R extends Role, Fallback> = {
  [Name in OptionName]: Options[Name] extends { readonly isSetting: true; readonly fallback: Fallback }
    ? [R] extends [Options[Name]["of"][number]]
      ? Name
      : never
    : never;
}[OptionName];

/**
 * What the options of a role say, or those that several roles share. A setting may be absent if its option has no
 * default.
 */
export type SettingsOf<R extends Role> = {
  readonly [Name in Told<R, string> as SettingName<Name>]: ValueOf<Name>;
} & {
  readonly [Name in Told<R, undefined> as SettingName<Name>]?: ValueOf<Name> | undefined;
};

/** Collects the settings of a role from what `read` returns: an option's checked value. */
export function settingsOf<R extends Role>(role: R, read: (name: OptionName) => unknown): SettingsOf<R>;
export function settingsOf(role: Role, read: (name: OptionName) => unknown): object {
  const told = optionsOfRole(role).filter((name) => options[name].isSetting);
  return Object.fromEntries(told.map((name) => [settingName(name), read(name)]));
}

function settingName(name: OptionName): string {
  return name.replaceAll(/-(.)/g, (_, first: string) => first.toUpperCase()) + options[name].unit;
}
