// The one table of options: what each is, its default, its check, and the roles that take it. An option is one row, in
// groups/; the command line, the help, the configuration file, the guide's table and the settings of the roles follow
// from it.
//
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment,
// which beats the file, which beats the default.

import { backEndOptions } from "./groups/back-ends.ts";
import { clientOptions } from "./groups/clients.ts";
import { clusterOptions } from "./groups/cluster.ts";
import { commandOptions } from "./groups/commands.ts";
import { hookOptions } from "./groups/hooks.ts";
import { processOptions } from "./groups/process.ts";
import { registryOptions } from "./groups/registry.ts";
import { storeOptions } from "./groups/stores.ts";
import type { Option, Role } from "./option.ts";

/** All options of all commands, by the headings of the help of `serve`. */
export const optionGroups = {
  "THE PROCESS": processOptions,
  STORAGE: storeOptions,
  CLIENTS: clientOptions,
  "BACK ENDS": backEndOptions,
  WEBHOOKS: hookOptions,
  CLUSTER: clusterOptions,
  "THE REGISTRY (--role discovery)": registryOptions,
  COMMANDS: commandOptions,
} as const;

export const options = {
  ...processOptions,
  ...storeOptions,
  ...clientOptions,
  ...backEndOptions,
  ...hookOptions,
  ...clusterOptions,
  ...registryOptions,
  ...commandOptions,
};

export type OptionName = keyof typeof options;
export type ValueOf<Name extends OptionName> = ReturnType<(typeof options)[Name]["parse"]>;

/** All of them, by name. */
export const optionTable: ReadonlyMap<string, Option> = new Map(Object.entries<Option>(options));

const isOptionName = (text: string): text is OptionName => optionTable.has(text);

/** Their names, in the order of the table. */
export const optionNames: readonly OptionName[] = [...optionTable.keys()].filter(isOptionName);

/** The options that mean something to a role. */
export function optionsOfRole(role: Role): readonly OptionName[] {
  return optionNames.filter((each) => optionTable.get(each)?.of.includes(role));
}

/** Those that may stand in a configuration file. */
export const optionsOfFile: typeof optionTable = new Map([...optionTable].filter(([name]) => name !== "config"));

/** The variable of an option. */
export const environmentName = (name: string): string => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`;
