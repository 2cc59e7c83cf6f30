// The registry and its DNS.

import { limitTable } from "../../base/limits/table.ts";
import { option, list, file, listener, duration } from "../option.ts";
import * as values from "../values.ts";

export const registryOptions = {
  peers: option({
    help: "Other nodes of the registry to begin with",
    hint: "host:port,…",
    fallback: "",
    of: ["discovery"],
    ...list,
    parse: values.nodesUpTo(limitTable.registryNodes.initial),
  }),
  snapshot: option({
    help: "Keep a copy of the registry for a start from nothing",
    ...file,
    hint: "file|off",
    fallback: "off",
    of: ["discovery"],
  }),
  dns: option({ help: "Answer DNS over UDP and TCP", ...listener, fallback: "off", of: ["discovery"] }),
  "dns-ttl": option({
    help: "How long DNS answers may be remembered",
    ...duration("1s", "7d"),
    fallback: "5s",
    of: ["discovery"],
  }),
  domain: option({
    help: "Domain of all DNS names",
    hint: "name",
    fallback: "roost",
    parse: values.parseDomain,
    of: ["discovery"],
  }),
  lookup: option({ help: "File of regions for GET /api/lookup", ...file, of: ["discovery"] }),
} as const;
