// The settings that a role has when no option is given, for tests and benchmarks that start parts of it.

import type { Role } from "../../src/options/option.ts";
import { options } from "../../src/options/options.ts";
import { type SettingsOf, settingsOf } from "../../src/options/settings.ts";

/** Those of a role, or those that several roles share. */
export function defaultSettings<R extends Role>(role: R): SettingsOf<R> {
  return settingsOf(role, (name) => {
    // Its port is one for all: who wants the API asks for a free one.
    if (name === "api") return undefined;
    const { fallback, parse } = options[name];
    return fallback === undefined ? undefined : parse(fallback);
  });
}
