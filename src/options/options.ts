// The one table of options: what each is, its default, its check, and the roles that take it. An option is one row; the
// command line, the help, the configuration file, the guide's table and the settings of the roles follow from it.
//
// `--read-wait` is `ROOST_READ_WAIT` in the environment and `read-wait` in the file. A flag beats the environment,
// which beats the file, which beats the default.

import {
  deviceBytesMax,
  originsMax,
  secretBytesMax,
  tokenCharactersMax,
  trustedProxiesMax,
} from "../base/limits/fixed.ts";
import { limitTable } from "../base/limits/table.ts";
import { parseSelector, selectorNames } from "../routing/selectors/selection.ts";
import { parseSessions, parseStore, pathBytesMax } from "./engine-url.ts";
import { sessionsEngines, storeEngines } from "./engines.ts";
import { parseLimits } from "./limit-values.ts";
import { namedNodesUpTo } from "./node-names.ts";
import * as values from "./values.ts";

export const roles = ["standalone", "gateway", "login", "chat", "discovery"] as const;
export type Role = (typeof roles)[number];

/** Roles that let clients in. */
const clientRoles = ["standalone", "gateway"] as const;
/** Services that are processes of their own. */
const memberRoles = ["gateway", "login", "chat"] as const;
const serviceRoles = ["standalone", ...memberRoles] as const;
const clusterRoles = [...memberRoles, "discovery"] as const;

interface Option {
  readonly help: string;
  readonly hint: string;
  /** Throws a sentence that says what would be right. */
  readonly parse: (text: string) => unknown;
  /** Its text, as a user would write it; undefined: no default. */
  readonly fallback: string | undefined;
  /** The roles to which it means something; those refuse any other. None: it is for commands only. */
  readonly of: readonly Role[];
  /** Of the parsed value: the end of the setting's name. */
  readonly unit: "" | "Ms" | "Days";
  /** The parsed value is the role's setting. Otherwise code of its own makes one of it: it names a file, say. */
  readonly isSetting: boolean;
  /** Takes no value as a flag: naming it is enough. */
  readonly isFlag: boolean;
  /** A longer value, in UTF-8, is refused before it is parsed. */
  readonly bytesMax: number;
  /** It is, or may hold, a key or a password: no message shows it. */
  readonly isSecret: boolean;
  /** Pairs with commas between them: as a flag it may be repeated, and in the file it may be a table. */
  readonly isPairs: boolean;
}

/** What an option is whose row does not say otherwise. */
const plain = {
  ...{ fallback: undefined, of: [], unit: "", isSetting: true },
  ...{ isFlag: false, bytesMax: 1024, isSecret: false, isPairs: false },
} as const satisfies Partial<Option>;

type Row = Pick<Option, "help" | "hint" | "parse"> & Partial<Option>;

/** Completes a row. */
function option<const Given extends Row>(row: Given): Given & Omit<typeof plain, keyof Given>;
function option(row: Row): Option {
  return { ...plain, ...row };
}

const list = { bytesMax: 128 * 1024 } as const;
const file = { hint: "file", parse: values.parsePath, bytesMax: pathBytesMax, isSetting: false } as const;
const key = {
  hint: "text",
  parse: values.parseText,
  bytesMax: secretBytesMax,
  isSecret: true,
  isSetting: false,
} as const;
const engine = { bytesMax: 2 * pathBytesMax, isSecret: true, isSetting: false } as const;
const label = { hint: "name", parse: values.parseLabel, bytesMax: limitTable.registryNameBytes.initial } as const;
const accountName = { hint: "name", parse: values.parseName } as const;
const listener = { hint: "host:port|off", parse: values.parseListener } as const;
const isTrue = (text: string): boolean => values.oneOf(["true", "false"])(text) === "true";
const toggle = { hint: "true|false", fallback: "false", parse: isTrue, isFlag: true } as const;
/** A duration, of at least and at most so much. */
const duration = (least: string, most: string) =>
  ({ hint: "duration", parse: values.durationFrom(least, most), unit: "Ms" }) as const;

/** All options of all commands, by the headings of the help of `serve`. */
export const optionGroups = {
  "THE PROCESS": {
    role: option({
      help: "What this process is: standalone, gateway, login, chat or discovery",
      ...{ hint: "role", fallback: "standalone", parse: values.oneOf(roles), of: roles, isSetting: false },
    }),
    id: option({
      help: "Name of this node; no two nodes share one",
      ...{ hint: "name", fallback: "roost", parse: values.parseId, of: serviceRoles },
    }),
    monitor: option({
      help: "Serve /health and /metrics",
      ...{ ...listener, fallback: "127.0.0.1:9000", of: serviceRoles },
    }),
    limit: option({
      help: "Set a limit; may be repeated (see roost limits)",
      ...{ hint: "name=value,…", fallback: "", parse: parseLimits, of: roles, isSetting: false },
      ...{ ...list, isPairs: true },
    }),
    config: option({ help: "TOML file with any of these options", ...file, of: roles }),
    "log-level": option({
      help: "Least important line that is logged",
      ...{ hint: "debug|info|warn|error", fallback: "info", of: roles, isSetting: false },
      parse: values.oneOf(["debug", "info", "warn", "error"]),
    }),
    "log-format": option({
      help: "How lines are logged",
      ...{ hint: "text|json", fallback: "text", parse: values.oneOf(["text", "json"]), of: roles, isSetting: false },
    }),
    "log-people": option({
      help: "Log who signs in, signs out and is refused, with account, device and address",
      ...{ hint: "on|off", fallback: "on", parse: (text) => values.oneOf(["on", "off"])(text) === "on" },
      of: clientRoles,
    }),
  },
  "WHAT IS KEPT": {
    data: option({
      help: "Folder of the database and the secret; made if need be",
      ...{ ...file, hint: "dir", fallback: "./data", of: ["standalone"] },
    }),
    store: option({
      help: "Where messages are kept (default: messages.db in the data folder)",
      hint: storeEngines.map(({ help }) => help).join("|"),
      ...{ parse: parseStore, of: ["standalone", "chat"], ...engine },
    }),
    sessions: option({
      help: "Where sessions are kept (standalone: memory:)",
      hint: sessionsEngines.map(({ help }) => help).join("|"),
      ...{ parse: parseSessions, of: ["standalone", "login", "chat"], ...engine },
    }),
    adopt: option({
      help: "Take over stores of another cluster, whose processes have been stopped",
      ...{ ...toggle, of: ["standalone", "login", "chat"] },
    }),
    retention: option({
      help: "Keep messages this long",
      ...{ hint: "days|forever", fallback: "forever", parse: values.parseRetention, unit: "Days" },
      of: ["standalone", "chat"],
    }),
  },
  CLIENTS: {
    ws: option({
      help: "Listen for clients over WebSocket",
      ...{ ...listener, fallback: "127.0.0.1:8000", of: clientRoles },
    }),
    tcp: option({ help: "Listen for clients over TCP", ...listener, fallback: "127.0.0.1:8100", of: clientRoles }),
    secret: option({ help: "Key of the client tokens, at least 16 bytes", ...key, of: clientRoles }),
    "secret-file": option({
      help: "File with that key; more lines are older keys that still verify",
      ...{ ...file, of: clientRoles },
    }),
    "default-app": option({
      help: "App (tenant) of tokens that name none; unset, they are refused",
      ...{ ...accountName, of: clientRoles },
    }),
    "tls-cert": option({ help: "File (PEM): certificates of --ws and --tcp, its own first", ...file, of: clientRoles }),
    "tls-key": option({ help: "File (PEM) with the private key of that certificate", ...file, of: clientRoles }),
    "trusted-proxies": option({
      help: "Proxies in front: their X-Forwarded-For is believed, and over --tcp they have to speak the PROXY protocol",
      ...{ hint: "cidr,…", parse: values.rangesUpTo(trustedProxiesMax), of: [...clientRoles, "discovery"], ...list },
    }),
    "allow-origins": option({
      help: "Web pages that may connect to --ws and look gateways up, such as https://*.example.com (default: all)",
      ...{ hint: "origin,…", parse: values.originsUpTo(originsMax), of: [...clientRoles, "discovery"], ...list },
    }),
    // A deadline on a timer is below 2^31 ms.
    "read-wait": option({
      help: "Close a connection that sends nothing for this long",
      ...{ ...duration("1s", "24d"), fallback: "3m", of: clientRoles },
    }),
    "write-wait": option({
      help: "Close a connection that accepts nothing for this long",
      ...{ ...duration("100ms", "24d"), fallback: "10s", of: serviceRoles },
    }),
    "login-wait": option({
      help: "Close a connection that has not signed in by then",
      ...{ ...duration("100ms", "24d"), fallback: "10s", of: clientRoles },
    }),
    "reuse-port": option({
      help: "Share the clients' ports with other gateways of this machine",
      ...{ ...toggle, of: ["gateway"] },
    }),
    "public-url": option({
      help: "URL that clients reach this gateway by (default: made of --advertise)",
      ...{ hint: "url", parse: values.parseWord, of: ["gateway"], bytesMax: limitTable.instanceAddressBytes.initial },
    }),
    tags: option({
      help: "What a gateway is chosen by, such as IDC=fra",
      ...{ hint: "key=value,…", fallback: "", parse: values.tagsUpTo(32), of: ["gateway"], ...list },
    }),
    selector: option({
      help: "How a gateway chooses the node for a connection",
      ...{ hint: selectorNames.join("|"), fallback: "hash", parse: parseSelector, of: ["gateway"], isSetting: false },
    }),
    "zone-weights": option({
      help:
        "What each zone gets, however many nodes it has, for --selector weighted; a zone that is not " +
        "named weighs 1",
      ...{ hint: "zone=weight,…", fallback: "", parse: values.zoneWeightsUpTo(1_000), of: ["gateway"] },
      ...{ ...list, isPairs: true, isSetting: false },
    }),
    route: option({ help: "File of routing rules, for --selector route", ...file, of: ["gateway"] }),
  },
  "THE OTHERS OF A CLUSTER": {
    discovery: option({
      help: "Nodes of the registry",
      ...{ hint: "url,…", fallback: "http://127.0.0.1:7171", of: memberRoles, ...list },
      parse: values.urlsUpTo(limitTable.registryNodes.initial),
    }),
    "cluster-key": option({
      help: "Key that services share; the registry takes writes with it only",
      ...{ ...key, of: clusterRoles },
    }),
    "cluster-key-file": option({
      help: "File with that key; more lines are further keys that are taken, too, while it is changed",
      ...{ ...file, of: clusterRoles },
    }),
    insecure: option({
      help:
        "Discovery: listen for everybody without a cluster key. Services of a cluster: accept such a registry, in " +
        "which whoever reaches it may write",
      ...{ ...toggle, of: clusterRoles },
    }),
    listen: option({
      help: "Listen for other services (discovery: for everybody; default 127.0.0.1:7171)",
      ...{ hint: "host:port", parse: values.parseAddress, of: clusterRoles },
    }),
    advertise: option({
      help: "Where others reach this node (default: where it listens)",
      ...{ hint: "host[:port]", parse: values.parseHost, of: clusterRoles },
    }),
    zone: option({ help: "Zone of this node", ...label, fallback: "zone01", of: roles }),
    region: option({ help: "Region of this node", ...label, fallback: "region01", of: clusterRoles }),
    env: option({
      help: "Environment in which services register and find each other (discovery: what DNS and lookup show)",
      ...{ ...label, fallback: "dev", of: clusterRoles },
    }),
    weight: option({
      help: "Share of this node beside the others of its service, for --selector weighted and in DNS; 0: nothing",
      ...{ hint: "number", fallback: "1", parse: values.parseWeight, of: memberRoles },
    }),
  },
  "THE REGISTRY (--role discovery)": {
    peers: option({
      help: "Other nodes of the registry to begin with",
      ...{ hint: "host:port,…", fallback: "", of: ["discovery"], ...list },
      parse: values.nodesUpTo(limitTable.registryNodes.initial),
    }),
    snapshot: option({
      help: "Keep a copy of the registry for a start from nothing",
      ...{ ...file, hint: "file|off", fallback: "off", of: ["discovery"] },
    }),
    dns: option({ help: "Answer DNS over UDP and TCP", ...listener, fallback: "off", of: ["discovery"] }),
    "dns-ttl": option({
      help: "How long DNS answers may be remembered",
      ...{ ...duration("1s", "7d"), fallback: "5s", of: ["discovery"] },
    }),
    domain: option({
      help: "Domain of all DNS names",
      ...{ hint: "name", fallback: "roost", parse: values.parseDomain, of: ["discovery"] },
    }),
    lookup: option({ help: "File of regions for GET /api/lookup", ...file, of: ["discovery"] }),
  },
  COMMANDS: {
    node: option({
      help:
        "Process of a cluster: an id that roost nodes prints, tcp://host:port of its links, http://host:port of a " +
        "registry node",
      ...{ hint: "id|url", parse: values.parseNode },
    }),
    json: option({ help: "Print JSON", ...toggle }),
    watch: option({ help: "Go on, and show what changes", ...toggle }),
    account: option({ help: "The account", ...accountName }),
    before: option({
      help: "Refuse tokens that were issued before then (default: now)",
      ...{ hint: "time|duration", parse: values.parseMoment },
    }),
    app: option({ help: "The app (tenant) that the account belongs to", ...accountName, fallback: "default" }),
    ttl: option({ help: "How long the token is good", ...duration("1s", "36500d"), fallback: "24h" }),
    to: option({ help: "Talk to this account", ...accountName }),
    group: option({ help: "Talk in this group, by its name or id", hint: "name|id", parse: values.parseLabel }),
    url: option({
      help: "Servers to talk to: the first one that lets in (with --discovery: after those that the registry names)",
      ...{ hint: "url,…", parse: values.serverUrlsUpTo(16, ["ws", "wss", "tcp", "tls"]), ...list },
    }),
    ca: option({ help: "File (PEM) with the certificates that verify those of wss:// and tls:// servers", ...file }),
    token: option({
      help: "Token to sign in with, instead of one made from the secret",
      ...{ hint: "token", parse: values.parseWord, bytesMax: tokenCharactersMax, isSecret: true },
    }),
    commands: option({
      help: "Obey commands, such as /to, in lines that come through a pipe; else each line is a message",
      ...toggle,
    }),
    device: option({
      help: "Name of this device",
      ...{ hint: "name", fallback: "", parse: values.parseDevice, bytesMax: deviceBytesMax },
    }),
    dir: option({ help: "Folder of the certificates", ...file, hint: "dir", fallback: "./certs" }),
    nodes: option({
      help: "Nodes to make certificates for, with their DNS names and IP addresses; an id may be repeated",
      ...{ hint: "id=host,…", fallback: "", parse: namedNodesUpTo(1_000), ...list, isPairs: true },
    }),
    "valid-for": option({ help: "Validity of new certificates", ...duration("1h", "3650d"), fallback: "365d" }),
    now: option({ help: "Delete at once: the clock is right", ...toggle }),
    replace: option({ help: "Replace what is there already", ...toggle }),
    salvage: option({ help: "Save what can be read of damaged messages into a new file", ...toggle }),
  },
} as const;

export const options = {
  ...optionGroups["THE PROCESS"],
  ...optionGroups["WHAT IS KEPT"],
  ...optionGroups.CLIENTS,
  ...optionGroups["THE OTHERS OF A CLUSTER"],
  ...optionGroups["THE REGISTRY (--role discovery)"],
  ...optionGroups.COMMANDS,
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
