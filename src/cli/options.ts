// The one table of options: flag, environment variable, key in the configuration file, default, what it is, check.
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment, which
// beats the file, which beats the default.

import type { ArgsDef } from "citty";
import { deviceBytesMax, secretBytesMax, tokenCharactersMax, trustedProxiesMax } from "../base/limits/fixed.ts";
import { limitTable } from "../base/limits/table.ts";
import { parseSelector, selectorNames } from "../routing/selectors/selection.ts";
import { parseLimits } from "./limit-values.ts";
import { parseSessions, parseStore, pathBytesMax } from "./engine-url.ts";
import {
  durationFrom,
  nodesUpTo,
  oneOf,
  parseAddress,
  parseDevice,
  parseDomain,
  parseHost,
  parseId,
  parseLabel,
  parseListener,
  parseMoment,
  parseName,
  parseNode,
  parsePath,
  parseRetention,
  parseText,
  parseWeight,
  parseWord,
  rangesUpTo,
  serverUrlsUpTo,
  tagsUpTo,
  urlsUpTo,
  zoneWeightsUpTo,
} from "./values.ts";

export const roles = ["standalone", "gateway", "login", "chat", "discovery"] as const;

/** The longest value of an option that says nothing else, and of a list. */
const valueBytesMax = 1024;
const listBytesMax = 128 * 1024;

interface Option<Value> {
  readonly help: string;
  readonly hint: string;
  /** Its text, as a user would write it; undefined: no default. */
  readonly fallback: string | undefined;
  /** Throws a sentence that says what would be right. */
  readonly parse: (text: string) => Value;
  /** Takes no value as a flag: naming it is enough. */
  readonly isFlag: boolean;
  /** A longer value, in UTF-8, is refused before it is parsed. */
  readonly bytesMax: number;
  /** It is, or may hold, a key or a password: no message shows it. */
  readonly isSecret: boolean;
  /** Pairs with commas between them: as a flag it may be repeated, and in the file it may be a table. */
  readonly isPairs: boolean;
}

const option = <Value>(
  help: string,
  hint: string,
  fallback: string | undefined,
  parse: (text: string) => Value,
  {
    bytesMax = valueBytesMax,
    isSecret = false,
    isPairs = false,
  }: { bytesMax?: number; isSecret?: boolean; isPairs?: boolean } = {},
): Option<Value> => ({
  help,
  hint,
  fallback,
  parse,
  isFlag: false,
  bytesMax,
  isSecret,
  isPairs,
});

const path = (help: string, hint: string, fallback?: string): Option<string> =>
  option(help, hint, fallback, parsePath, { bytesMax: pathBytesMax });

const label = (help: string, fallback: string): Option<string> =>
  option(help, "name", fallback, parseLabel, { bytesMax: limitTable.registryNameBytes.initial });

const toggle = (help: string): Option<boolean> => ({
  ...option(help, "true|false", "false", (text) => oneOf(["true", "false"])(text) === "true"),
  isFlag: true,
});

/** All options of all commands. */
export const options = {
  role: option(
    "What this process is: standalone, gateway, login, chat or discovery",
    "role",
    "standalone",
    oneOf(roles),
  ),
  id: option("Name of this node; no two nodes share one", "name", "roost", parseId),
  data: path("Folder of the database and the secret; made if need be", "dir", "./data"),
  ws: option("Listen for clients over WebSocket", "host:port|off", "127.0.0.1:8000", parseListener),
  tcp: option("Listen for clients over TCP", "host:port|off", "127.0.0.1:8100", parseListener),
  monitor: option("Serve /health and /metrics", "host:port|off", "127.0.0.1:9000", parseListener),
  listen: option(
    "Listen for other services (discovery: for everybody; default 127.0.0.1:7171)",
    "host:port",
    undefined,
    parseAddress,
  ),
  advertise: option("Where others reach this node (default: where it listens)", "host[:port]", undefined, parseHost),
  peers: option(
    "Other nodes of the registry to begin with",
    "host:port,…",
    "",
    nodesUpTo(limitTable.registryNodes.initial),
    {
      bytesMax: listBytesMax,
    },
  ),
  region: label("Region of this node", "region01"),
  env: label("Environment in which services register and find each other (discovery: what DNS and lookup show)", "dev"),
  dns: option("Answer DNS over UDP and TCP", "host:port|off", "off", parseListener),
  "dns-ttl": option("How long DNS answers may be remembered", "duration", "5s", durationFrom("1s", "7d")),
  domain: option("Domain of all DNS names", "name", "roost", parseDomain),
  snapshot: path("Keep a copy of the registry for a start from nothing", "file|off", "off"),
  lookup: path("File of regions for GET /api/lookup", "file"),
  "trusted-proxies": option(
    "Proxies in front: their X-Forwarded-For is believed, and over --tcp they have to speak the PROXY protocol",
    "cidr,…",
    undefined,
    rangesUpTo(trustedProxiesMax),
    { bytesMax: listBytesMax },
  ),
  "public-url": option(
    "URL that clients reach this gateway by (default: made of --advertise)",
    "url",
    undefined,
    parseWord,
    { bytesMax: limitTable.instanceAddressBytes.initial },
  ),
  tags: option("What a gateway is chosen by, such as IDC=fra", "key=value,…", "", tagsUpTo(32), {
    bytesMax: listBytesMax,
  }),
  weight: option(
    "Share of this node beside the others of its service, for --selector weighted and in DNS; 0: nothing",
    "number",
    "1",
    parseWeight,
  ),
  "reuse-port": toggle("Share the clients' ports with other gateways of this machine"),
  selector: option("How a gateway chooses the node for a connection", selectorNames.join("|"), "hash", parseSelector),
  "zone-weights": option(
    "What each zone gets, however many nodes it has, for --selector weighted; a zone that is not named weighs 1",
    "zone=weight,…",
    "",
    zoneWeightsUpTo(1_000),
    { bytesMax: listBytesMax, isPairs: true },
  ),
  route: path("File of routing rules, for --selector route", "file"),
  insecure: toggle(
    "Discovery: listen for everybody without a cluster key. Services of a cluster: accept such a registry, in which whoever reaches it may write",
  ),
  discovery: option(
    "Nodes of the registry",
    "url,…",
    "http://127.0.0.1:7171",
    urlsUpTo(limitTable.registryNodes.initial),
    {
      bytesMax: listBytesMax,
    },
  ),
  node: option(
    "Process of a cluster: an id that roost nodes prints, tcp://host:port of its links, http://host:port of a registry node",
    "id|url",
    undefined,
    parseNode,
  ),
  json: toggle("Print JSON"),
  watch: toggle("Go on, and show what changes"),
  // A deadline on a timer is below 2^31 ms.
  "read-wait": option(
    "Close a connection that sends nothing for this long",
    "duration",
    "3m",
    durationFrom("1s", "24d"),
  ),
  "write-wait": option(
    "Close a connection that accepts nothing for this long",
    "duration",
    "10s",
    durationFrom("100ms", "24d"),
  ),
  "login-wait": option(
    "Close a connection that has not signed in by then",
    "duration",
    "10s",
    durationFrom("100ms", "24d"),
  ),
  secret: option("Key of the client tokens, at least 16 bytes", "text", undefined, parseText, {
    bytesMax: secretBytesMax,
    isSecret: true,
  }),
  "secret-file": path("File with that key; more lines are older keys that still verify", "file"),
  "default-app": option("App (tenant) of tokens that name none; unset, they are refused", "name", undefined, parseName),
  "cluster-key": option(
    "Key that services share; the registry takes writes with it only",
    "text",
    undefined,
    parseText,
    { bytesMax: secretBytesMax, isSecret: true },
  ),
  "cluster-key-file": path(
    "File with that key; more lines are further keys that are taken, too, while it is changed",
    "file",
  ),
  store: option(
    "Where messages are kept (default: messages.db in the data folder)",
    "sqlite:PATH|postgres://…",
    undefined,
    parseStore,
    { bytesMax: 2 * pathBytesMax, isSecret: true },
  ),
  sessions: option("Where sessions are kept (standalone: memory:)", "sqlite:PATH|redis://…", undefined, parseSessions, {
    bytesMax: 2 * pathBytesMax,
    isSecret: true,
  }),
  adopt: toggle("Take over stores of another cluster, whose processes have been stopped"),
  retention: option("Keep messages this long", "days|forever", "forever", parseRetention),
  now: toggle("Delete at once: the clock is right"),
  zone: label("Zone of this node", "zone01"),
  limit: option("Set a limit; may be repeated (see roost limits)", "name=value,…", "", parseLimits, {
    bytesMax: listBytesMax,
    isPairs: true,
  }),
  config: path("TOML file with any of these options", "file"),
  "log-level": option(
    "Least important line that is logged",
    "debug|info|warn|error",
    "info",
    oneOf(["debug", "info", "warn", "error"]),
  ),
  "log-format": option("How lines are logged", "text|json", "text", oneOf(["text", "json"])),
  "log-people": option(
    "Log who signs in, signs out and is refused, with account, device and address",
    "on|off",
    "on",
    (text) => oneOf(["on", "off"])(text) === "on",
  ),
  account: option("The account", "name", undefined, parseName),
  before: option("Refuse tokens that were issued before then (default: now)", "time|duration", undefined, parseMoment),
  app: option("The app (tenant) that the account belongs to", "name", "default", parseName),
  ttl: option("How long the token is good", "duration", "24h", durationFrom("1s", "36500d")),
  to: option("Talk to this account", "name", undefined, parseName),
  group: option("Talk in this group, by its name or id", "name|id", undefined, parseLabel),
  url: option(
    "Servers to talk to: the first one that lets in (with --discovery: after those that the registry names)",
    "url,…",
    undefined,
    serverUrlsUpTo(16, ["ws", "wss", "tcp"]),
    { bytesMax: listBytesMax },
  ),
  token: option("Token to sign in with, instead of one made from the secret", "token", undefined, parseWord, {
    bytesMax: tokenCharactersMax,
    isSecret: true,
  }),
  commands: toggle("Obey commands, such as /to, in lines that come through a pipe; else each line is a message"),
  device: option("Name of this device", "name", "", parseDevice, { bytesMax: deviceBytesMax }),
  replace: toggle("Replace what is there already"),
  salvage: toggle("Save what can be read of damaged messages into a new file"),
} as const satisfies Record<string, Option<unknown>>;

export type OptionName = keyof typeof options;
export type ValueOf<Name extends OptionName> = ReturnType<(typeof options)[Name]["parse"]>;

const serverOptions = ["id", "data", "secret", "secret-file", "config"] as const satisfies OptionName[];
/** What every role takes. */
const commonOptions = ["role", "limit", "config", "log-level", "log-format"] as const satisfies OptionName[];

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
    "id",
    "data",
    "secret",
    "secret-file",
    "default-app",
    "ws",
    "tcp",
    "monitor",
    "trusted-proxies",
    "read-wait",
    "write-wait",
    "login-wait",
    "log-people",
    "store",
    "sessions",
    "adopt",
    "retention",
    "zone",
  ],
  gateway: [
    ...memberOptions,
    "ws",
    "tcp",
    "trusted-proxies",
    "reuse-port",
    "public-url",
    "tags",
    "selector",
    "zone-weights",
    "route",
    "secret",
    "secret-file",
    "default-app",
    "read-wait",
    "login-wait",
    "log-people",
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

/** The options of `serve` as its help shows them; what has no group comes last. */
export const groupsOfServe: Readonly<Record<string, readonly OptionName[]>> = {
  "THE PROCESS": ["role", "id", "monitor", "limit", "config", "log-level", "log-format", "log-people"],
  "WHAT IS KEPT": ["data", "store", "sessions", "adopt", "retention"],
  CLIENTS: [
    ...(["ws", "tcp", "secret", "secret-file", "default-app", "trusted-proxies", "read-wait"] as const),
    "write-wait",
    ...(["login-wait", "reuse-port", "public-url", "tags", "selector", "zone-weights", "route"] as const),
  ],
  "THE OTHERS OF A CLUSTER": [
    ...(["discovery", "cluster-key", "cluster-key-file", "insecure", "listen", "advertise"] as const),
    ...(["zone", "region", "env", "weight"] as const),
  ],
  "THE REGISTRY (--role discovery)": ["peers", "snapshot", "dns", "dns-ttl", "domain", "lookup"],
};

const folderOfSecret = "Folder of the server, with the secret in it";
const tokenTexts: Partial<Record<OptionName, string>> = {
  id: "Taken from a server's configuration file, and of no use here",
  data: folderOfSecret,
  secret: "Key to sign with, as the server has it",
  "secret-file": "File with that key; the first line signs",
};

const askedTexts: Partial<Record<OptionName, string>> = {
  data: "Folder of the standalone server to ask",
  discovery: "Nodes of the registry, in which --node is looked up",
  "cluster-key": "Key that the cluster shares: its members answer nobody else",
  "cluster-key-file": "File with that key",
};
/** Of commands that need the message store: chat nodes are found without --node, too. */
const keeperTexts: Partial<Record<OptionName, string>> = {
  ...askedTexts,
  discovery:
    "Nodes of the registry of a cluster, whose chat nodes are asked (default, of an id in --node: http://127.0.0.1:7171)",
  env: "Environment of the cluster",
};

/** What options say in the help of a command, where that is not what they say everywhere. */
export const textsOf: Readonly<Partial<Record<string, Partial<Record<OptionName, string>>>>> = {
  serve: { discovery: "Nodes of the registry, without which no service of a cluster starts" },
  token: { ...tokenTexts, account: "Whose token it is" },
  chat: {
    ...tokenTexts,
    ws: "Where the server listens, unless --url says it",
    account: "Who you are",
    app: "Your app (tenant)",
    discovery: "Nodes of the registry that name servers; without it nobody is asked",
    device: "Name of this device; each device of an account is signed in once",
  },
  nodes: { discovery: "Nodes of the registry; the first one that answers is shown" },
  limits: {
    ...askedTexts,
    role: "Show what a server of this role begins with, and ask none",
    limit: "With --role: as such a server would have it",
  },
  kick: {
    ...keeperTexts,
    account: "Whose connections are ended",
    device: "Of this device only (default: of all)",
  },
  revoke: { ...keeperTexts, account: "Whose tokens are refused" },
  backup: { data: "Folder of the server", store: "Messages to copy (default: messages.db in the data folder)" },
  restore: { data: "Folder of the server", store: "Messages to replace (default: messages.db in the data folder)" },
  check: { data: "Folder of the server", store: "Messages to check (default: messages.db in the data folder)" },
  repair: { data: "Folder of the server", store: "Messages to repair (default: messages.db in the data folder)" },
  purge: {
    data: "Folder of the server",
    store: "Messages to look at (default: messages.db in the data folder)",
    retention: "How old messages have to be; else as the servers of the store were told",
  },
};

/** Options whose default means nothing to a command: it goes by what is given, or by something else. */
const withoutDefault: Readonly<Partial<Record<string, readonly OptionName[]>>> = {
  serve: ["discovery"],
  token: ["id"],
  chat: ["id", "discovery"],
  limits: ["role"],
  kick: ["discovery"],
  revoke: ["discovery"],
  purge: ["retention"],
};

/** All of them, by name. */
export const optionTable: ReadonlyMap<string, Option<unknown>> = new Map(Object.entries(options));

/** Those that may stand in a configuration file. */
export const optionsOfFile: typeof optionTable = new Map([...optionTable].filter(([name]) => name !== "config"));

/** The variable of an option. */
export const environmentName = (name: string): string => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`;

/** The one word of a command that is no option, such as FILE. */
export interface Operand {
  readonly name: string;
  readonly help: string;
}

/** The options and the operand of a command, as citty has them and its help shows them. */
export function argsOf(command: string, names: readonly OptionName[], operand?: Operand): ArgsDef {
  // Whether it is there is OptionValues' to say.
  const operands: ArgsDef =
    operand === undefined ? {} : { [operand.name]: { type: "positional", description: operand.help, required: false } };
  const flags: ArgsDef = Object.fromEntries(
    names.map((name) => {
      const { help, hint, fallback, isFlag } = options[name];
      const text = textsOf[command]?.[name] ?? help;
      if (isFlag) return [name, { type: "boolean", description: text }] as const;
      const isPlain = fallback === undefined || fallback === "" || withoutDefault[command]?.includes(name) === true;
      const description = isPlain ? text : `${text} (default ${fallback})`;
      return [name, { type: "string", description, valueHint: hint }] as const;
    }),
  );
  return { ...operands, ...flags };
}
