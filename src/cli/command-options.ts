// Which options each command takes; those of `serve` stand in the table.

import { type OptionName, optionNames, options } from "../options/options.ts";

/** The certificate with which a command connects to the processes of a cluster. */
const nodeOptions = ["node-cert", "node-key", "node-ca", "node-tls"] as const satisfies OptionName[];
const serverOptions = ["id", "data", "secret", "secret-file", "config"] as const satisfies OptionName[];
/** How the process that has the message store is found. */
const storeKeeperOptions = [
  "data",
  "node",
  "discovery",
  "env",
  "cluster-key",
  "cluster-key-file",
  ...nodeOptions,
  "config",
] as const satisfies OptionName[];

/** Those that mean something to a server. */
const servingOptions = optionNames.filter((name) => options[name].of.length > 0);

/** The options of each command. */
export const optionsOf = {
  serve: servingOptions,
  token: [...serverOptions, "account", "app", "ttl"],
  chat: [
    ...serverOptions,
    "ws",
    "account",
    "app",
    "to",
    "group",
    "url",
    "ca",
    "discovery",
    "token",
    "device",
    "commands",
  ],
  demo: [
    ...serverOptions,
    "ws",
    "api",
    "app",
    "to",
    "rate",
    "people",
    "groups",
    "seconds",
    "seed",
    "url",
    "ca",
    "discovery",
    "key",
    "key-file",
  ],
  nodes: ["discovery", ...nodeOptions, "watch", "config"],
  limits: [
    "data",
    "node",
    "discovery",
    "cluster-key",
    "cluster-key-file",
    ...nodeOptions,
    "role",
    "limit",
    "json",
    "config",
  ],
  doctor: [...servingOptions, "json"],
  kick: [...storeKeeperOptions, "account", "app", "device"],
  revoke: [...storeKeeperOptions, "account", "app", "before"],
  ban: [...storeKeeperOptions, "account", "app", "until"],
  unban: [...storeKeeperOptions, "account", "app"],
  "key create": [...storeKeeperOptions, "store", "store-async", "app", "scope", "name"],
  "key list": [...storeKeeperOptions, "store", "json"],
  "key revoke": [...storeKeeperOptions, "store", "store-async"],
  "webhook set": [...storeKeeperOptions, "app", "hook-url", "event", "hook-secret", "fail-open"],
  "webhook remove": [...storeKeeperOptions, "app"],
  "webhook list": [...storeKeeperOptions, "app", "json"],
  "webhook test": [...storeKeeperOptions, "app"],
  "webhook dead": [...storeKeeperOptions, "app", "json"],
  "webhook replay": [...storeKeeperOptions, "app", "webhook-id"],
  api: ["data", "api", "url", "key", "key-file", "ca", "app", "fields", "openapi", "complete", "config"],
  export: ["data", "api", "url", "key", "key-file", "ca", "app", "account", "peer", "group", "config"],
  import: ["data", "api", "url", "key", "key-file", "ca", "app", "name", "last", "config"],
  backup: ["data", "store", "replace", "config"],
  restore: ["data", "store", "store-async", "replace", "accept-loss", "config"],
  check: ["data", "store", "config"],
  repair: ["data", "store", "salvage", "config"],
  purge: ["data", "store", "store-async", "retention", "now", "config"],
  cert: ["dir", "nodes", "valid-for", "config"],
  "cert show": [],
} as const satisfies Record<string, readonly OptionName[]>;
