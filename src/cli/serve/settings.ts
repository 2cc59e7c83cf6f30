// The settings of a role, derived from its options: one object, with the option's name in camel case for each of them.

import { optionsOfRole } from "../command-options.ts";
import type { OptionValues } from "../option-values.ts";
import type { OptionName, options, ValueOf } from "../options.ts";

type Role = keyof typeof optionsOfRole;

/** What more than its own option decides, or a key in it: each has code of its own. */
const apart = [
  ...([
    "role",
    "config",
    "log-level",
    "log-format",
    "limit",
    "data",
    "store",
    "sessions",
    "selector",
    "route",
  ] as const),
  ...(["secret", "secret-file", "cluster-key", "cluster-key-file", "lookup", "snapshot"] as const),
] as const satisfies OptionName[];

/** Settings with a unit, or in another form than their option. */
const names = {
  "read-wait": "readWaitMs",
  "write-wait": "writeWaitMs",
  "login-wait": "loginWaitMs",
  "dns-ttl": "dnsTtlMs",
  "log-people": "logsPeople",
  retention: "retentionDays",
} as const satisfies Partial<Record<OptionName, string>>;

type Camel<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Name;
type SettingName<Name extends OptionName> = Name extends keyof typeof names ? (typeof names)[Name] : Camel<Name>;
/** Undefined where an option has no default and nobody gave it. */
type SettingValue<Name extends OptionName> =
  | ValueOf<Name>
  | (undefined extends (typeof options)[Name]["fallback"] ? undefined : never);

/** What a role's options say. */
export type SettingsOf<R extends Role> = {
  readonly [
    Name in Exclude<(typeof optionsOfRole)[R][number], (typeof apart)[number]> as SettingName<Name>
  ]: SettingValue<Name>;
};

const settingName = (option: OptionName): string =>
  new Map<string, string>(Object.entries(names)).get(option) ??
  option.replaceAll(/-(.)/g, (_, first: string) => first.toUpperCase());

/** Reads and checks them. Throws UsageError for the first value that is invalid. */
export function settingsOf<R extends Role>(values: OptionValues, role: R): SettingsOf<R>;
export function settingsOf(values: OptionValues, role: Role): Readonly<Record<string, unknown>> {
  const told: readonly OptionName[] = optionsOfRole[role].filter((name) => !apart.some((other) => other === name));
  return Object.fromEntries(told.map((name): [string, unknown] => [settingName(name), values.optional(name)]));
}
