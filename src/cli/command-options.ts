// Which options each command takes, and `serve` for each role.

import type { OptionName } from "./options.ts";

const serverOptions = ["id", "data", "secret", "secret-file", "config"] as const satisfies OptionName[];
/** What every role takes. */
const commonOptions = ["role", "limit", "config", "log-level", "log-format"] as const satisfies OptionName[];

/** What every role takes that lets clients in. */
const clientOptions = [
  ...(["ws", "tcp", "trusted-proxies", "secret", "secret-file", "default-app"] as const),
  ...(["read-wait", "login-wait", "log-people"] as const),
] as const satisfies OptionName[];

/** What every service takes that is a process of its own. */
const memberOptions = [
  ...commonOptions,
  "id",
  "listen",
  "advertise",
  "discovery",
  "zone",
  "region",
  "env",
  "cluster-key",
  "cluster-key-file",
  "insecure",
  "monitor",
  "write-wait",
  "weight",
] as const satisfies OptionName[];

/** The options that mean something to a role; any other one that is given is refused. */
export const optionsOfRole = {
  standalone: [
    ...commonOptions,
    ...clientOptions,
    "id",
    "data",
    "monitor",
    "write-wait",
    "store",
    "sessions",
    "adopt",
    "retention",
    "zone",
  ],
  gateway: [
    ...memberOptions,
    ...clientOptions,
    ...(["reuse-port", "public-url", "tags", "selector", "zone-weights", "route"] as const),
  ],
  login: [...memberOptions, "sessions", "adopt"],
  chat: [...memberOptions, "sessions", "store", "adopt", "retention"],
  discovery: [
    ...commonOptions,
    "listen",
    "advertise",
    "peers",
    "zone",
    "region",
    "env",
    "dns",
    "dns-ttl",
    "domain",
    "snapshot",
    "lookup",
    "trusted-proxies",
    "insecure",
    "cluster-key",
    "cluster-key-file",
  ],
} as const satisfies Record<string, readonly OptionName[]>;

/** How the process that has the message store is found. */
const storeKeeperOptions = [
  "data",
  "node",
  "discovery",
  "env",
  "cluster-key",
  "cluster-key-file",
  "config",
] as const satisfies OptionName[];

/** The options of each command. */
export const optionsOf = {
  serve: [...new Set(Object.values(optionsOfRole).flat())],
  token: [...serverOptions, "account", "app", "ttl"],
  chat: [...serverOptions, "ws", "account", "app", "to", "group", "url", "discovery", "token", "device", "commands"],
  nodes: ["discovery", "watch", "config"],
  limits: ["data", "node", "discovery", "cluster-key", "cluster-key-file", "role", "limit", "json", "config"],
  kick: [...storeKeeperOptions, "account", "app", "device"],
  revoke: [...storeKeeperOptions, "account", "app", "before"],
  backup: ["data", "store", "replace", "config"],
  restore: ["data", "store", "replace", "config"],
  check: ["data", "store", "config"],
  repair: ["data", "store", "salvage", "config"],
  purge: ["data", "store", "retention", "now", "config"],
} as const satisfies Record<string, readonly OptionName[]>;
