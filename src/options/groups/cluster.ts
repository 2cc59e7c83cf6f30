// How the processes of a cluster find, reach and trust each other.

import { limitTable } from "../../base/limits/table.ts";
import { roles, memberRoles, clusterRoles, option, list, file, key, label, toggle } from "../option.ts";
import * as values from "../values.ts";

export const clusterOptions = {
  discovery: option({
    help: "Nodes of the registry",
    hint: "url,…",
    fallback: "http://127.0.0.1:7171",
    of: memberRoles,
    ...list,
    parse: values.urlsUpTo(limitTable.registryNodes.initial),
  }),
  "cluster-key": option({
    help: "Key that services share; the registry takes writes with it only",
    ...key,
    of: clusterRoles,
  }),
  "cluster-key-file": option({
    help: "File with that key; more lines are further keys that are taken, too, while it is changed",
    ...file,
    of: clusterRoles,
  }),
  "node-cert": option({
    help: "File (PEM): certificates of this node for links, registry and monitor, its own first (see roost cert)",
    ...file,
    of: roles,
  }),
  "node-key": option({ help: "File (PEM) with the private key of that certificate", ...file, of: roles }),
  "node-ca": option({
    help: "File (PEM) with the authorities that issue the certificates of the cluster's nodes",
    ...file,
    of: clusterRoles,
  }),
  "node-tls": option({
    help: "Between nodes with certificates: require TLS, or accept plain text, too, while a cluster changes to TLS",
    hint: "require|accept",
    fallback: "require",
    parse: values.oneOf(["require", "accept"]),
    of: clusterRoles,
    isSetting: false,
  }),
  insecure: option({
    help:
      "Discovery: listen for everybody without a cluster key. Services of a cluster: accept such a registry, in " +
      "which whoever reaches it may write",
    ...toggle,
    of: clusterRoles,
  }),
  listen: option({
    help: "Listen for other services (discovery: for everybody; default 127.0.0.1:7171)",
    hint: "host:port",
    parse: values.parseAddress,
    of: clusterRoles,
  }),
  advertise: option({
    help: "Where others reach this node (default: where it listens)",
    hint: "host[:port]",
    parse: values.parseHost,
    of: clusterRoles,
  }),
  zone: option({ help: "Zone of this node", ...label, fallback: "zone01", of: roles }),
  region: option({ help: "Region of this node", ...label, fallback: "region01", of: clusterRoles }),
  env: option({
    help: "Environment in which services register and find each other (discovery: what DNS and lookup show)",
    ...label,
    fallback: "dev",
    of: clusterRoles,
  }),
  weight: option({
    help: "Share of this node beside the others of its service, for --selector weighted and in DNS; 0: nothing",
    hint: "number",
    fallback: "1",
    parse: values.parseWeight,
    of: memberRoles,
  }),
} as const;
