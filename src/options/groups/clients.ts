// How clients connect, and how a gateway chooses the nodes that serve them.

import { originsMax, trustedProxiesMax } from "../../base/limits/fixed.ts";
import { limitTable } from "../../base/limits/table.ts";
import { parseSelector, selectorNames } from "../../routing/selectors/selection.ts";
import {
  clientRoles,
  serviceRoles,
  option,
  list,
  file,
  key,
  accountName,
  listener,
  onOff,
  toggle,
  duration,
} from "../option.ts";
import * as values from "../values.ts";

export const clientOptions = {
  ws: option({
    help: "Listen for clients over WebSocket",
    ...listener,
    fallback: "127.0.0.1:8000",
    of: clientRoles,
  }),
  web: option({ help: "Serve the web chat to browsers at --ws", ...onOff, fallback: "on", of: clientRoles }),
  open: option({ help: "Open the web chat in a browser", ...toggle, of: ["standalone"], isSetting: false }),
  tcp: option({ help: "Listen for clients over TCP", ...listener, fallback: "127.0.0.1:8100", of: clientRoles }),
  // Of a chat node: to issue tokens, by the API.
  secret: option({ help: "Key of the client tokens, at least 16 bytes", ...key, of: [...clientRoles, "chat"] }),
  "secret-file": option({
    help: "File with that key; more lines are older keys that still verify",
    ...file,
    of: [...clientRoles, "chat"],
  }),
  "default-app": option({
    help: "App (tenant) of tokens that name none; unset, they are refused",
    ...accountName,
    of: clientRoles,
  }),
  "tls-cert": option({ help: "File (PEM): certificates of --ws and --tcp, its own first", ...file, of: clientRoles }),
  "tls-key": option({ help: "File (PEM) with the private key of that certificate", ...file, of: clientRoles }),
  "trusted-proxies": option({
    help: "Proxies in front: their X-Forwarded-For is believed, and over --tcp they have to speak the PROXY protocol",
    hint: "cidr,…",
    parse: values.rangesUpTo(trustedProxiesMax),
    of: [...clientRoles, "discovery"],
    ...list,
  }),
  "allow-origins": option({
    help: "Web pages that may connect to --ws and look gateways up, such as https://*.example.com (default: all)",
    hint: "origin,…",
    parse: values.originsUpTo(originsMax),
    of: [...clientRoles, "discovery"],
    ...list,
  }),
  // A deadline on a timer is below 2^31 ms.
  "read-wait": option({
    help: "Close a connection that sends nothing for this long",
    ...duration("1s", "24d"),
    fallback: "3m",
    of: clientRoles,
  }),
  "write-wait": option({
    help: "Close a connection that accepts nothing for this long",
    ...duration("100ms", "24d"),
    fallback: "10s",
    of: serviceRoles,
  }),
  "login-wait": option({
    help: "Close a connection that has not signed in by then",
    ...duration("100ms", "24d"),
    fallback: "10s",
    of: clientRoles,
  }),
  "reuse-port": option({
    help: "Share the clients' ports with other gateways of this machine",
    ...toggle,
    of: ["gateway"],
  }),
  "public-url": option({
    help: "URL that clients reach this gateway by (default: made of --advertise)",
    hint: "url",
    parse: values.parseWord,
    of: ["gateway"],
    bytesMax: limitTable.instanceAddressBytes.initial,
  }),
  tags: option({
    help: "What a gateway is chosen by, such as IDC=fra",
    hint: "key=value,…",
    fallback: "",
    parse: values.tagsUpTo(32),
    of: ["gateway"],
    ...list,
  }),
  selector: option({
    help: "How a gateway chooses the node for a connection",
    hint: selectorNames.join("|"),
    fallback: "hash",
    parse: parseSelector,
    of: ["gateway"],
    isSetting: false,
  }),
  "zone-weights": option({
    help: "Weight of each zone for --selector weighted, however many nodes it has (default: 1)",
    hint: "zone=weight,…",
    fallback: "",
    parse: values.zoneWeightsUpTo(1_000),
    of: ["gateway"],
    ...list,
    isPairs: true,
    isSetting: false,
  }),
  route: option({ help: "File of routing rules, for --selector route", ...file, of: ["gateway"] }),
} as const;
