// The one table of options: flag, environment variable, key in the configuration file, default, what it is, check.
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment,
// which beats the file, which beats the default.

import { deviceBytesMax, secretBytesMax, tokenCharactersMax, trustedProxiesMax } from "../base/limits/fixed.ts";
import { limitTable } from "../base/limits/table.ts";
import { sessionsEngines, storeEngines } from "../node/engines.ts";
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

interface Option<Value, Fallback extends string | undefined = string | undefined> {
  readonly help: string;
  readonly hint: string;
  /** Its text, as a user would write it; undefined: no default. */
  readonly fallback: Fallback;
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

const option = <Value, Fallback extends string | undefined>(
  help: string,
  hint: string,
  fallback: Fallback,
  parse: (text: string) => Value,
  {
    bytesMax = valueBytesMax,
    isSecret = false,
    isPairs = false,
  }: { bytesMax?: number; isSecret?: boolean; isPairs?: boolean } = {},
): Option<Value, Fallback> => ({
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

const label = (help: string, fallback: string): Option<string, string> =>
  option(help, "name", fallback, parseLabel, { bytesMax: limitTable.registryNameBytes.initial });

const toggle = (help: string): Option<boolean, string> => ({
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
    "Discovery: listen for everybody without a cluster key. Services of a cluster: accept such a registry, in " +
      "which whoever reaches it may write",
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
    "Process of a cluster: an id that roost nodes prints, tcp://host:port of its links, http://host:port of a " +
      "registry node",
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
    storeEngines.map((engine) => engine.help).join("|"),
    undefined,
    parseStore,
    { bytesMax: 2 * pathBytesMax, isSecret: true },
  ),
  sessions: option(
    "Where sessions are kept (standalone: memory:)",
    sessionsEngines.map((engine) => engine.help).join("|"),
    undefined,
    parseSessions,
    {
      bytesMax: 2 * pathBytesMax,
      isSecret: true,
    },
  ),
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

/** All of them, by name. */
export const optionTable: ReadonlyMap<string, Option<unknown>> = new Map(Object.entries(options));

/** Those that may stand in a configuration file. */
export const optionsOfFile: typeof optionTable = new Map([...optionTable].filter(([name]) => name !== "config"));

/** The variable of an option. */
export const environmentName = (name: string): string => `ROOST_${name.toUpperCase().replaceAll("-", "_")}`;
