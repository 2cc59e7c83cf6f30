// Where messages and sessions are kept, for how long, how long messages can be changed, and whether presence is shown.

import { parseSessions, parseStore } from "../engine-url.ts";
import { sessionsEngines, storeEngines } from "../engines.ts";
import { parseMedia } from "../media.ts";
import { option, file, engine, onOff, toggle } from "../option.ts";
import * as values from "../values.ts";

const window = {
  hint: "duration|off",
  fallback: "24h",
  parse: values.parseWindow,
  unit: "Ms",
  of: ["standalone", "chat"],
} as const;

export const storeOptions = {
  data: option({
    help: "Folder of the database and the secret; created if it does not exist",
    ...file,
    hint: "dir",
    fallback: "./data",
    of: ["standalone"],
  }),
  store: option({
    help: "Where messages are kept (default: messages.db in the data folder)",
    hint: storeEngines.map(({ help }) => help).join("|"),
    parse: parseStore,
    of: ["standalone", "chat"],
    ...engine,
  }),
  "store-async": option({
    help: "Of several hosts in --store: acknowledge messages that no standby has, and a failover loses",
    ...toggle,
    of: ["chat"],
  }),
  sessions: option({
    help: "Where sessions are kept (standalone: memory:)",
    hint: sessionsEngines.map(({ help }) => help).join("|"),
    parse: parseSessions,
    of: ["standalone", "login", "chat"],
    ...engine,
  }),
  adopt: option({
    help: "Take over stores of another cluster, whose processes have been stopped",
    ...toggle,
    of: ["standalone", "login", "chat"],
  }),
  media: option({
    help: "Where files are kept that messages name: media in the data folder (standalone), or an S3-compatible store",
    hint: "off|folder|s3://…",
    fallback: "off",
    parse: parseMedia,
    // Of a gateway: its web chat loads files from there.
    of: ["standalone", "gateway", "chat"],
  }),
  "media-credentials": option({
    help: "File with the S3 key, as the AWS tools have it (default: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)",
    ...file,
    of: ["standalone", "chat"],
  }),
  "media-url": option({
    help: "How clients reach /media/ of the folder, if not by the address that they are connected to",
    hint: "url",
    parse: values.parsePublicUrl,
    of: ["standalone"],
  }),
  retention: option({
    help: "Keep messages this long",
    hint: "days|forever",
    fallback: "forever",
    parse: values.parseRetention,
    unit: "Days",
    of: ["standalone", "chat"],
  }),
  "edit-window": option({
    help: "How long after sending a message its author may edit it",
    ...window,
  }),
  "recall-window": option({
    help: "How long its author may recall it; owners and admins of a group may at any time",
    ...window,
  }),
  presence: option({
    help: "Let accounts see who of those they talk with is online, and when they were last",
    ...onOff,
    fallback: "on",
    of: ["standalone", "chat"],
  }),
} as const;
