// The one table of options: flag, environment variable, key in the configuration file, default, what it is, check.
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment, which
// beats the file, which beats the default.

import { readFileSync } from "node:fs";
import type { ArgsDef } from "citty";
import { parseSelector, selectorNames } from "../container/selectors/selection.ts";
import { UsageError } from "./usage-error.ts";
import {
  oneOf,
  parseAddress,
  parseDomain,
  parseDuration,
  parseHost,
  parseId,
  parseListener,
  parseNodes,
  parseRetention,
  parseTags,
  parseText,
  parseUrls,
  parseWait,
} from "./values.ts";

export const roles = ["standalone", "gateway", "login", "chat", "discovery"] as const;

interface Option<Value> {
  readonly help: string;
  readonly hint: string;
  /** Its text, as a user would write it; undefined: no default. */
  readonly fallback: string | undefined;
  /** Throws a sentence that says what would be right. */
  readonly parse: (text: string) => Value;
  /** Takes no value as a flag: naming it is enough. */
  readonly isFlag: boolean;
}

const option = <Value>(
  help: string,
  hint: string,
  fallback: string | undefined,
  parse: (text: string) => Value,
): Option<Value> => ({
  help,
  hint,
  fallback,
  parse,
  isFlag: false,
});

const toggle = (help: string): Option<boolean> => ({
  ...option(help, "true|false", "false", (text) => oneOf(["true", "false"])(text) === "true"),
  isFlag: true,
});

/** All options of all commands. */
export const options = {
  role: option("What this process is", "role", "standalone", oneOf(roles)),
  id: option("Name of this node; no two nodes share one", "name", "roost", parseId),
  data: option("Folder of the database and the secret; made if need be", "dir", "./data", parseText),
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
  peers: option("Other nodes of the registry to begin with", "host:port,…", "", parseNodes),
  region: option("Region of this node", "name", "region01", parseText),
  env: option(
    "Environment in which services register and find each other (discovery: what DNS and lookup show)",
    "name",
    "dev",
    parseText,
  ),
  dns: option("Answer DNS over UDP and TCP", "host:port|off", "off", parseListener),
  "dns-ttl": option("How long DNS answers may be remembered", "duration", "5s", parseDuration),
  domain: option("Domain of all DNS names", "name", "roost", parseDomain),
  snapshot: option("Keep a copy of the registry for a start from nothing", "file|off", "off", parseText),
  lookup: option("File of regions for GET /api/lookup", "file", undefined, parseText),
  "public-url": option(
    "URL that clients reach this gateway by (default: made of --advertise)",
    "url",
    undefined,
    parseText,
  ),
  tags: option("What a gateway is chosen by, such as IDC=fra", "key=value,…", "", parseTags),
  "reuse-port": toggle("Share the clients' ports with other gateways of this machine"),
  selector: option("How a gateway chooses the node for a connection", selectorNames.join("|"), "hash", parseSelector),
  route: option("File of routing rules, for --selector route", "file", undefined, parseText),
  insecure: toggle("Listen for everybody without a cluster key: whoever reaches the registry may write"),
  discovery: option("Nodes of the registry", "url,…", "http://127.0.0.1:7171", parseUrls),
  watch: toggle("Go on, and show what changes"),
  "read-wait": option("Close a connection that sends nothing for this long", "duration", "3m", parseWait),
  "write-wait": option("Close a connection that accepts nothing for this long", "duration", "10s", parseWait),
  "login-wait": option("Close a connection that has not signed in by then", "duration", "10s", parseWait),
  secret: option("Key of the client tokens, at least 16 bytes", "text", undefined, parseText),
  "secret-file": option(
    "File with that key; more lines are older keys that still verify",
    "file",
    undefined,
    parseText,
  ),
  "cluster-key": option(
    "Key that services share; the registry takes writes with it only",
    "text",
    undefined,
    parseText,
  ),
  "cluster-key-file": option("File with that key", "file", undefined, parseText),
  store: option(
    "Where messages are kept (default: messages.db in the data folder)",
    "sqlite:PATH|postgres://…",
    undefined,
    parseText,
  ),
  sessions: option("Where sessions are kept (standalone: memory:)", "sqlite:PATH|redis://…", undefined, parseText),
  retention: option("Keep messages this long", "days|forever", "forever", parseRetention),
  now: toggle("Delete at once: the clock is right"),
  zone: option("Zone of this node", "name", "zone01", parseText),
  config: option("TOML file with any of these options", "file", undefined, parseText),
  "log-level": option(
    "Least important line that is logged",
    "debug|info|warn|error",
    "info",
    oneOf(["debug", "info", "warn", "error"]),
  ),
  "log-format": option("How lines are logged", "text|json", "text", oneOf(["text", "json"])),
  account: option("The account", "name", undefined, parseText),
  app: option("The app (tenant) that the account belongs to", "name", "default", parseText),
  ttl: option("How long the token is good", "duration", "24h", parseDuration),
  to: option("Talk to this account", "name", undefined, parseText),
  group: option("Talk in this group", "id", undefined, parseText),
  url: option("Server to talk to", "url", undefined, parseText),
  token: option("Token to sign in with, instead of one made from the secret", "token", undefined, parseText),
  device: option("Name of this device", "name", "", (text) => text),
  replace: toggle("Replace what is there already"),
  salvage: toggle("Save what can be read of damaged messages into a new file"),
} as const satisfies Record<string, Option<unknown>>;

export type OptionName = keyof typeof options;
type ValueOf<Name extends OptionName> = ReturnType<(typeof options)[Name]["parse"]>;

const serverOptions = ["id", "data", "secret", "secret-file", "config"] as const satisfies OptionName[];
/** What every role takes. */
const commonOptions = ["role", "config", "log-level", "log-format"] as const satisfies OptionName[];

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
    "read-wait",
    "write-wait",
    "login-wait",
    "store",
    "sessions",
    "retention",
    "zone",
  ],
  gateway: [
    ...memberOptions,
    "ws",
    "tcp",
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
  login: [...memberOptions, "sessions"],
  chat: [...memberOptions, "sessions", "store", "retention"],
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
  backup: ["data", "store", "replace", "config"],
  restore: ["data", "store", "replace", "config"],
  check: ["data", "store", "config"],
  repair: ["data", "store", "salvage", "config"],
  purge: ["data", "store", "retention", "now", "config"],
} as const satisfies Record<string, readonly OptionName[]>;

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

/** What a user said for some options, by flag, environment and file; checked when asked for. */
export class OptionValues {
  private readonly names: readonly OptionName[];
  private readonly flags: ReadonlyMap<string, string>;
  private readonly environment: Readonly<Record<string, string | undefined>>;
  private readonly file: ReadonlyMap<string, string>;
  private readonly filePath: string | undefined;
  private readonly operandText: string | undefined;

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
    if (this.filePath !== undefined) this.file = readConfig(this.filePath);
    for (const name of names) this.raw(name);
  }

  /** The checked value; undefined when nobody gave one and there is no default. */
  optional<Name extends OptionName>(name: Name): ValueOf<Name> | undefined;
  optional(name: OptionName): unknown {
    const given = this.raw(name);
    const { fallback, parse } = options[name];
    const text = given?.text ?? fallback;
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      const right = error instanceof Error ? error.message : String(error);
      throw new UsageError(`${given?.source ?? `--${name}`}: ${JSON.stringify(text)} is not right; it takes ${right}`);
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

  private raw(name: OptionName): { text: string; source: string } | undefined {
    if (!this.names.includes(name)) return undefined;
    const flag = this.flags.get(name);
    if (flag !== undefined) return { text: flag, source: `--${name}` };
    const variable = environmentName(name);
    const value = this.environment[variable];
    // An empty variable counts as unset.
    if (value !== undefined && value !== "") return { text: value, source: variable };
    const entry = this.file.get(name);
    return entry === undefined ? undefined : { text: entry, source: `${this.filePath}: ${name}` };
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
    if (name === "") throw new UsageError(`${JSON.stringify(word)} is not an option; see --help`);
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw new UsageError(`--${name} is not an option here; see --help`);
    const takesNone = options[known].isFlag;
    const value = attached ?? (takesNone ? "true" : words[++at]);
    if (value === undefined || (attached === undefined && value.startsWith("--")))
      throw new UsageError(`--${name} needs a value`);
    if (flags.has(name)) throw new UsageError(`--${name} is given twice`);
    flags.set(name, value);
  }
  if (operand !== undefined && operandText === undefined)
    throw new UsageError(
      `${operand.name} is missing; expected the ${operand.help[0]?.toLowerCase()}${operand.help.slice(1)}`,
    );
  return { flags, operandText };
}

function isOption(name: string): name is OptionName {
  return Object.hasOwn(options, name);
}

function readConfig(path: string): Map<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`--config: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  let table: object;
  try {
    table = Bun.TOML.parse(text);
  } catch (error) {
    throw new UsageError(`${path} is not TOML: ${error instanceof Error ? error.message : String(error)}`);
  }
  const entries = new Map<string, string>();
  for (const [key, value] of Object.entries(table)) {
    if (!isOption(key) || key === "config") throw new UsageError(`${path}: ${key} is not an option; see roost --help`);
    const isRight = typeof value === "string" || (options[key].isFlag && typeof value === "boolean");
    if (!isRight)
      throw new UsageError(`${path}: ${key} must be ${options[key].isFlag ? "true or false" : "a string in quotes"}`);
    entries.set(key, String(value));
  }
  return entries;
}
