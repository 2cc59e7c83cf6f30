// The one table of options: flag, environment variable, key in the configuration file, default, what it is, check.
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment, which
// beats the file, which beats the default.

import type { ArgsDef } from "citty";
import { deviceBytesMax, secretBytesMax, tokenCharactersMax, trustedProxiesMax } from "../base/limits/fixed.ts";
import { limitTable } from "../base/limits/table.ts";
import { quotedText } from "../base/printable.ts";
import { parseSelector, selectorNames } from "../container/selectors/selection.ts";
import { readConfigFile } from "./config-file.ts";
import { didYouMean } from "./did-you-mean.ts";
import { parseLimits } from "./limit-values.ts";
import { parseSessions, parseStore, pathBytesMax } from "./engine-url.ts";
import { unknownVariables } from "./unknown-variables.ts";
import { UsageError } from "./usage-error.ts";
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
  parseName,
  parseNode,
  parsePath,
  parseRetention,
  parseText,
  parseWord,
  rangesUpTo,
  tagsUpTo,
  urlOf,
  urlsUpTo,
} from "./values.ts";

export const roles = ["standalone", "gateway", "login", "chat", "discovery"] as const;

/** The longest value of an option that says nothing else, and of a list. */
const valueBytesMax = 1024;
const listBytesMax = 128 * 1024;
/** A value that is refused is shown up to here. */
const shownCharactersMax = 80;

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
  role: option("What this process is", "role", "standalone", oneOf(roles)),
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
  "reuse-port": toggle("Share the clients' ports with other gateways of this machine"),
  selector: option("How a gateway chooses the node for a connection", selectorNames.join("|"), "hash", parseSelector),
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
  account: option("The account", "name", undefined, parseName),
  app: option("The app (tenant) that the account belongs to", "name", "default", parseName),
  ttl: option("How long the token is good", "duration", "24h", durationFrom("1s", "36500d")),
  to: option("Talk to this account", "name", undefined, parseName),
  group: option("Talk in this group", "id", undefined, parseLabel),
  url: option("Server to talk to", "url", undefined, urlOf(["ws", "wss", "tcp"])),
  token: option("Token to sign in with, instead of one made from the secret", "token", undefined, parseWord, {
    bytesMax: tokenCharactersMax,
    isSecret: true,
  }),
  device: option("Name of this device", "name", "", parseDevice, { bytesMax: deviceBytesMax }),
  replace: toggle("Replace what is there already"),
  salvage: toggle("Save what can be read of damaged messages into a new file"),
} as const satisfies Record<string, Option<unknown>>;

export type OptionName = keyof typeof options;
type ValueOf<Name extends OptionName> = ReturnType<(typeof options)[Name]["parse"]>;

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
] as const satisfies OptionName[];

/** The options that mean something to a role; any other one that is given is refused. */
export const optionsOfRole = {
  standalone: [
    ...commonOptions,
    "id",
    "data",
    "secret",
    "secret-file",
    "ws",
    "tcp",
    "monitor",
    "trusted-proxies",
    "read-wait",
    "write-wait",
    "login-wait",
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
    "route",
    "secret",
    "secret-file",
    "read-wait",
    "login-wait",
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

/** The options of each command. */
export const optionsOf = {
  serve: [...new Set(Object.values(optionsOfRole).flat())],
  token: [...serverOptions, "account", "app", "ttl"],
  chat: [...serverOptions, "ws", "account", "app", "to", "group", "url", "token", "device"],
  nodes: ["discovery", "watch", "config"],
  limits: ["data", "node", "discovery", "cluster-key", "cluster-key-file", "role", "limit", "json", "config"],
  backup: ["data", "store", "replace", "config"],
  restore: ["data", "store", "replace", "config"],
  check: ["data", "store", "config"],
  repair: ["data", "store", "salvage", "config"],
  purge: ["data", "store", "retention", "now", "config"],
} as const satisfies Record<string, readonly OptionName[]>;

/** All of them, by name. */
const table: ReadonlyMap<string, Option<unknown>> = new Map(Object.entries(options));

/** Those that may stand in a configuration file. */
const optionsOfFile: typeof table = new Map([...table].filter(([name]) => name !== "config"));

const environmentName = (name: string): string => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`;

/** The one word of a command that is no option, such as FILE. */
export interface Operand {
  readonly name: string;
  readonly help: string;
}

/** The table as citty wants it, for its help. */
export function argsOf(names: readonly OptionName[], operand?: Operand): ArgsDef {
  const words: ArgsDef =
    operand === undefined
      ? {}
      : { [operand.name.toLowerCase()]: { type: "positional", description: operand.help, required: true } };
  const flags: ArgsDef = Object.fromEntries(
    names.map((name) => {
      const { help, hint, fallback, isFlag } = options[name];
      const shown = isFlag || fallback === undefined || fallback === "" ? "" : ` (default ${fallback})`;
      const description = `${help}${shown}  [${environmentName(name)}]`;
      return [
        name,
        isFlag ? { type: "boolean", description } : { type: "string", description, valueHint: hint },
      ] as const;
    }),
  );
  return { ...words, ...flags };
}

/** What was said for an option, and where. */
interface Said {
  readonly text: string;
  readonly source: string;
  /** By a variable, which may be meant for a process with another role. */
  readonly isShared: boolean;
}

/** A value that was given. */
interface Layer<Value> extends Pick<Said, "source" | "isShared"> {
  readonly value: Value;
}

/** What a user said for some options, by flag, environment and file; checked when asked for. */
export class OptionValues {
  private readonly names: readonly OptionName[];
  private readonly flags: ReadonlyMap<string, string>;
  private readonly environment: Readonly<Record<string, string | undefined>>;
  private readonly file: ReadonlyMap<string, string>;
  private readonly filePath: string | undefined;
  private readonly operandText: string | undefined;
  /** What an operator should know: variables that are no options, a configuration file that others can change. */
  readonly warnings: readonly string[];

  /**
   * Refuses flags that the command does not have, flags without a value, a bad configuration file, and a missing or second
   * operand.
   */
  constructor(
    names: readonly OptionName[],
    words: readonly string[],
    environment: Readonly<Record<string, string | undefined>>,
    operand?: Operand,
  ) {
    this.names = names;
    const { flags, operandText } = readWords(names, words, operand);
    this.flags = flags;
    this.operandText = operandText;
    this.environment = environment;
    this.file = new Map();
    this.filePath = this.optional("config");
    const warnings = unknownVariables(environment, new Set(Array.from(table.keys(), environmentName)));
    if (this.filePath !== undefined) {
      const { entries, warning } = readConfigFile(this.filePath, optionsOfFile);
      this.file = entries;
      if (warning !== undefined) warnings.push(warning);
    }
    this.warnings = warnings;
  }

  /** The checked value; undefined when nobody gave one and there is no default. */
  optional<Name extends OptionName>(name: Name): ValueOf<Name> | undefined;
  optional(name: OptionName): unknown {
    const text = this.raw(name)?.text ?? options[name].fallback;
    return text === undefined ? undefined : this.parsed(name, text, this.sourceOf(name));
  }

  /** The checked values that were given, by file, variable and flag, in this order: later ones weigh more. */
  layers<Name extends OptionName>(name: Name): readonly Layer<ValueOf<Name>>[];
  layers(name: OptionName): readonly Layer<unknown>[] {
    return this.said(name)
      .toReversed()
      .map(({ text, source, isShared }) => ({ value: this.parsed(name, text, source), source, isShared }));
  }

  private parsed(name: OptionName, text: string, source: string): unknown {
    const { parse, bytesMax, isSecret } = options[name];
    const bytes = Buffer.byteLength(text);
    try {
      if (bytes > bytesMax) throw new Error(`at most ${bytesMax} bytes, not ${bytes}`);
      return parse(text);
    } catch (error) {
      const expected = error instanceof Error ? error.message : String(error);
      throw new UsageError(`${source}: invalid value${isSecret ? "" : ` ${quoted(text)}`}: expected ${expected}`);
    }
  }

  /** The checked value; `why` ends the sentence that is said when there is none. */
  required<Name extends OptionName>(name: Name, why = "is required"): NonNullable<ValueOf<Name>> {
    const value = this.optional(name);
    if (value === undefined || value === null) throw new UsageError(`--${name} ${why}`);
    return value;
  }

  /** The text of the operand; only for a command that has one. */
  get operand(): string {
    if (this.operandText === undefined) throw new UsageError("this command takes options only; see --help");
    return this.operandText;
  }

  /** True when somebody gave it. */
  isGiven(name: OptionName): boolean {
    return this.raw(name) !== undefined;
  }

  /** The flag or line of the file that gave it, whatever a variable says; undefined if none did. */
  typedAs(name: OptionName): string | undefined {
    if (!this.names.includes(name)) return undefined;
    if (this.flags.has(name)) return `--${name}`;
    return this.file.has(name) ? `${this.filePath}: ${name}` : undefined;
  }

  /** What to change to change it: a flag, a variable or a line of the file, whichever gave it. */
  sourceOf(name: OptionName): string {
    return this.raw(name)?.source ?? `--${name}`;
  }

  private raw(name: OptionName): Said | undefined {
    return this.said(name)[0];
  }

  /** All that was said, what weighs most first. */
  private said(name: OptionName): Said[] {
    if (!this.names.includes(name)) return [];
    const variable = environmentName(name);
    // An empty variable counts as unset.
    const value = this.environment[variable] || undefined;
    const all = [
      { text: this.flags.get(name), source: `--${name}`, isShared: false },
      { text: value, source: variable, isShared: true },
      { text: this.file.get(name), source: `${this.filePath}: ${name}`, isShared: false },
    ];
    return all.flatMap(({ text, ...rest }) => (text === undefined ? [] : [{ text, ...rest }]));
  }
}

function readWords(
  names: readonly OptionName[],
  words: readonly string[],
  operand: Operand | undefined,
): { flags: Map<string, string>; operandText: string | undefined } {
  const flags = new Map<string, string>();
  let operandText: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (operand !== undefined && word !== "" && (word === "-" || !word.startsWith("-"))) {
      if (operandText !== undefined)
        throw new UsageError(`${JSON.stringify(word)} is one word too many: expected one ${operand.name}`);
      operandText = word;
      continue;
    }
    const [, name = "", attached] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === "") throw new UsageError(`${quoted(word)} is not an option; see --help`);
    const known = names.find((candidate) => candidate === name);
    if (known === undefined)
      throw new UsageError(`--${name} is not an option here${didYouMean(name, names, "--")}; see --help`);
    const takesNone = options[known].isFlag;
    const value = attached ?? (takesNone ? "true" : words[++at]);
    if (value === undefined || (attached === undefined && value.startsWith("--")))
      throw new UsageError(`--${name} needs a value`);
    const before = flags.get(name);
    if (before !== undefined && !options[known].isPairs) throw new UsageError(`--${name} is given twice`);
    flags.set(name, before === undefined ? value : `${before},${value}`);
  }
  if (operand !== undefined && operandText === undefined)
    throw new UsageError(
      `${operand.name} is missing; expected the ${operand.help[0]?.toLowerCase()}${operand.help.slice(1)}`,
    );
  return { flags, operandText };
}

/** A value or word as a message shows it. */
function quoted(text: string): string {
  return quotedText(text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text);
}
