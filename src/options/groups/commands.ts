// Options of commands other than serve.

import { apiKeyCharactersMax, deviceBytesMax, tokenCharactersMax } from "../../base/limits/fixed.ts";
import { namedNodesUpTo } from "../node-names.ts";
import { option, list, file, accountName, toggle, duration } from "../option.ts";
import * as values from "../values.ts";

export const commandOptions = {
  node: option({
    help:
      "Process of a cluster: an id that roost nodes prints, tcp://host:port or tls://host:port of its links, " +
      "http://host:port of a registry node",
    hint: "id|url",
    parse: values.parseNode,
  }),
  json: option({ help: "Print JSON", ...toggle }),
  watch: option({ help: "Go on, and show what changes", ...toggle }),
  account: option({ help: "The account", ...accountName }),
  before: option({
    help: "Refuse tokens that were issued before then (default: now)",
    hint: "time|duration",
    parse: values.parseMoment,
  }),
  app: option({ help: "The app (tenant) that the account belongs to", ...accountName, fallback: "default" }),
  until: option({
    help: "End of the ban (default: none)",
    hint: "time|duration",
    parse: values.parseEnd,
  }),
  scope: option({
    help: "What the key permits: scopes such as messages:write, groups:* for all of a service, or * for everything",
    hint: "scope,…",
    parse: values.wordsUpTo(32),
    ...list,
  }),
  "hook-url": option({ help: "Where the webhook leads", hint: "url", parse: values.parseWord, bytesMax: 2_048 }),
  event: option({
    help: "What a webhook is told (message.stored, group.changed and others), or asked (before.send, before.group)",
    hint: "event,…",
    parse: values.wordsUpTo(32),
    ...list,
  }),
  "hook-secret": option({
    help: "Secret by which receivers verify a webhook (default: the present one, or a new one)",
    hint: "whsec_…",
    parse: values.parseWord,
    isSecret: true,
  }),
  "fail-open": option({ help: "What a before hook does not answer in time may happen; else it may not", ...toggle }),
  "webhook-id": option({
    help: "The dead letter that is told again (default: all)",
    hint: "id",
    parse: values.parseWord,
  }),
  name: option({ help: "What the key is for, in your words", hint: "text", parse: values.parseLabel }),
  ttl: option({ help: "How long the token is good", ...duration("1s", "36500d"), fallback: "24h" }),
  to: option({ help: "Talk to this account", ...accountName }),
  group: option({ help: "Talk in this group, by its name or id", hint: "name|id", parse: values.parseLabel }),
  peer: option({ help: "The other account of a direct conversation", ...accountName }),
  last: option({ help: "Nothing comes after this file: the app may go live, and takes no other import", ...toggle }),
  url: option({
    help: "Servers to talk to: the first one that lets in (with --discovery: after those that the registry names)",
    hint: "url,…",
    parse: values.serverUrlsUpTo(16, ["ws", "wss", "tcp", "tls", "http", "https"]),
    ...list,
  }),
  ca: option({
    help: "File (PEM) with the certificates that verify those of wss://, tls:// and https:// servers",
    ...file,
  }),
  token: option({
    help: "Token to sign in with, instead of one made from the secret",
    hint: "token",
    parse: values.parseWord,
    bytesMax: tokenCharactersMax,
    isSecret: true,
  }),
  commands: option({
    help: "Obey commands, such as /to, in lines that come through a pipe; else each line is a message",
    ...toggle,
  }),
  device: option({
    help: "Name of this device",
    hint: "name",
    fallback: "",
    parse: values.parseDevice,
    bytesMax: deviceBytesMax,
  }),
  key: option({
    help: "Key of the HTTP API, as roost key create prints it",
    hint: "rk_…",
    parse: values.parseWord,
    bytesMax: apiKeyCharactersMax,
    isSecret: true,
  }),
  "key-file": option({ help: "File with the key of the HTTP API (default: api-key in the data folder)", ...file }),
  fields: option({ help: "Print what the request and the answer of the method hold, and send nothing", ...toggle }),
  openapi: option({ help: "Print the description of the API as OpenAPI 3.1, and send nothing", ...toggle }),
  complete: option({
    help: "Print the names of methods that begin with this, one a line, for the completion of a shell",
    hint: "prefix",
    parse: (text) => text,
  }),
  rate: option({
    help: "Messages a second, of all people together",
    hint: "number",
    fallback: "2",
    parse: values.numberFrom(0.1, 1_000),
  }),
  people: option({
    help: "How many people take part",
    hint: "count",
    fallback: "24",
    parse: values.wholeFrom(2, 1_000),
  }),
  groups: option({ help: "How many groups they have", hint: "count", fallback: "6", parse: values.wholeFrom(0, 100) }),
  seconds: option({
    help: "End after so many seconds of traffic (default: not before Ctrl-C)",
    hint: "count",
    parse: values.wholeFrom(1, 604_800),
  }),
  seed: option({
    help: "Chooses the people and what they say: the same ones for the same number",
    hint: "number",
    fallback: "1",
    parse: values.wholeFrom(0, 2 ** 32 - 1),
  }),
  dir: option({ help: "Folder of the certificates", ...file, hint: "dir", fallback: "./certs" }),
  nodes: option({
    help: "Nodes to make certificates for, with their DNS names and IP addresses; an id may be repeated",
    hint: "id=host,…",
    fallback: "",
    parse: namedNodesUpTo(1_000),
    ...list,
    isPairs: true,
  }),
  "valid-for": option({ help: "Validity of new certificates", ...duration("1h", "3650d"), fallback: "365d" }),
  now: option({ help: "Delete at once: the clock is right", ...toggle }),
  "accept-loss": option({
    help: "Restore nothing: let nodes go on with a PostgreSQL server that lacks what they have acknowledged",
    ...toggle,
  }),
  replace: option({ help: "Replace what is there already", ...toggle }),
  salvage: option({ help: "Save what can be read of damaged messages into a new file", ...toggle }),
} as const;
