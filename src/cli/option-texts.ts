// What options say in the help of a command: the texts that differ from the table's, and the definitions that citty
// takes.

import type { ArgsDef } from "citty";
import { type OptionName, options } from "../options/options.ts";

const folderOfSecret = "Folder of the server, with the secret in it";
const tokenTexts: Partial<Record<OptionName, string>> = {
  id: "Taken from a server's configuration file, and of no use here",
  data: folderOfSecret,
  secret: "Key to sign with, as the server has it",
  "secret-file": "File with that key; the first line signs",
};

const nodeTexts: Partial<Record<OptionName, string>> = {
  "node-cert": "File (PEM) with a certificate of the cluster (see roost cert), if its nodes require TLS",
  "node-key": "File (PEM) with the private key of that certificate",
  "node-ca": "File (PEM) with the authorities of the cluster",
  "node-tls": "With a certificate: require TLS, or accept nodes in plain text, too, while a cluster changes to TLS",
};

const askedTexts: Partial<Record<OptionName, string>> = {
  ...nodeTexts,
  data: "Folder of the standalone server to ask",
  discovery: "Nodes of the registry, in which --node is looked up",
  "cluster-key": "Key that the cluster shares: its members answer nobody else",
  "cluster-key-file": "File with that key",
};
/** Of commands that need the message store: chat nodes are found without --node, too. */
const keeperTexts: Partial<Record<OptionName, string>> = {
  ...askedTexts,
  discovery:
    "Nodes of the registry of a cluster, whose chat nodes are asked (default, of an id in --node: " +
    "http://127.0.0.1:7171)",
  env: "Environment of the cluster",
};

const apiTexts = {
  data: "Folder of the standalone server, with the key in it",
  api: "Where the server on this machine has its API, unless --url says it",
  url: "The API's URL, such as https://im.example.com",
  ca: "File (PEM) with the certificates that verify an https:// URL",
} as const;

/** Of commands that go to the store themselves where no server serves it. */
const keyTexts: Partial<Record<OptionName, string>> = {
  ...keeperTexts,
  data: "Folder of the standalone server, whether it runs or not",
  store: "Message store of a cluster to change directly: postgres://…, or sqlite:PATH",
};

/** Of commands that write to the store themselves. */
const writingTexts = {
  "store-async": "Of several hosts in --store: do it where no standby has it, and a failover undoes it",
} as const;

const servingTexts: Partial<Record<OptionName, string>> = {
  discovery: "Nodes of the registry, without which no service of a cluster starts",
};

/** Reports whether a command takes the options of a server, whose role decides which ones. */
export const takesRole = (command: string): boolean => command === "serve" || command === "doctor";

/** What options say in the help of a command, where that is not what they say everywhere. */
const textsOf: Readonly<Partial<Record<string, Partial<Record<OptionName, string>>>>> = {
  serve: servingTexts,
  doctor: servingTexts,
  token: { ...tokenTexts, account: "Whose token it is" },
  chat: {
    ...tokenTexts,
    ws: "Where the server listens, unless --url says it",
    account: "Who you are",
    app: "Your app (tenant)",
    discovery: "Nodes of the registry that name servers; without it nobody is asked",
    device: "Name of this device; each device of an account is signed in once",
  },
  nodes: { ...nodeTexts, discovery: "Nodes of the registry; the first one that answers is shown" },
  limits: {
    ...askedTexts,
    role: "Show what a server of this role begins with, and ask none",
    limit: "With --role: as such a server would have it",
  },
  api: { ...apiTexts, app: "The app that a request is about, unless it says so itself" },
  export: {
    ...apiTexts,
    app: "The app that is exported",
    account: "Only what this account sent and may see",
    peer: "Only its conversation with this account",
    group: "Only this group, by its id",
  },
  import: {
    ...apiTexts,
    app: "The app that gets the records; nobody has used it yet",
    name: "The import, by which it is resumed (default: the file's name)",
  },
  kick: {
    ...keeperTexts,
    account: "Whose connections are ended",
    device: "Of this device only (default: of all)",
  },
  revoke: { ...keeperTexts, account: "Whose tokens are refused" },
  ban: { ...keeperTexts, account: "Who may not sign in" },
  unban: { ...keeperTexts, account: "Who may sign in again" },
  "key create": { ...keyTexts, ...writingTexts, app: "The app that the key is for, or '*' for all" },
  "key list": keyTexts,
  "key revoke": { ...keyTexts, ...writingTexts },
  "webhook set": { ...keeperTexts, app: "The app of which it is told" },
  "webhook remove": { ...keeperTexts, app: "Its app" },
  "webhook list": { ...keeperTexts, app: "Those of this app only" },
  "webhook test": { ...keeperTexts, app: "Its app" },
  "webhook dead": { ...keeperTexts, app: "Its app" },
  "webhook replay": { ...keeperTexts, app: "Its app" },
  backup: { data: "Folder of the server", store: "Messages to copy (default: messages.db in the data folder)" },
  restore: {
    ...writingTexts,
    data: "Folder of the server",
    store: "Messages to replace (default: messages.db in the data folder)",
  },
  check: { data: "Folder of the server", store: "Messages to check (default: messages.db in the data folder)" },
  repair: { data: "Folder of the server", store: "Messages to repair (default: messages.db in the data folder)" },
  purge: {
    ...writingTexts,
    data: "Folder of the server",
    store: "Messages to look at (default: messages.db in the data folder)",
    retention: "How old messages have to be; else as the servers of the store were told",
  },
};

/** Options whose default means nothing to a command: it goes by what is given, or by something else. */
const withoutDefault: Readonly<Partial<Record<string, readonly OptionName[]>>> = {
  serve: ["discovery"],
  doctor: ["discovery"],
  token: ["id"],
  chat: ["id", "discovery"],
  limits: ["role"],
  api: ["app"],
  export: ["app"],
  import: ["app"],
  kick: ["discovery"],
  revoke: ["discovery"],
  ban: ["discovery"],
  unban: ["discovery"],
  "key create": ["discovery"],
  "key list": ["discovery"],
  "key revoke": ["discovery"],
  "webhook set": ["discovery"],
  "webhook remove": ["discovery"],
  "webhook list": ["discovery", "app"],
  "webhook test": ["discovery"],
  "webhook dead": ["discovery"],
  "webhook replay": ["discovery"],
  purge: ["retention"],
};

/** A word of a command that is no option, such as FILE. */
export interface Operand {
  readonly name: string;
  readonly help: string;
  /** The command may be given without it, and without those after it. */
  readonly isOptional?: boolean;
}

/** The options and the operands of a command, as citty has them and its help shows them. */
export function argsOf(command: string, names: readonly OptionName[], ...words: readonly Operand[]): ArgsDef {
  // Whether they are there is OptionValues' to say.
  const operands: ArgsDef = Object.fromEntries(
    words.map(({ name, help }) => [name, { type: "positional", description: help, required: false }]),
  );
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
