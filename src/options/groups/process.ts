// Options of every process: what it is, and what it shows of itself.

import { parseLimits } from "../limit-values.ts";
import { roles, clientRoles, serviceRoles, option, list, file, listener, onOff } from "../option.ts";
import * as values from "../values.ts";

export const processOptions = {
  role: option({
    help: "What this process is: standalone, gateway, login, chat or discovery",
    hint: "role",
    fallback: "standalone",
    parse: values.oneOf(roles),
    of: roles,
    isSetting: false,
  }),
  id: option({
    help: "Name of this node; no two nodes share one",
    hint: "name",
    fallback: "roost",
    parse: values.parseId,
    of: serviceRoles,
  }),
  monitor: option({
    help: "Serve /health and /metrics",
    ...listener,
    fallback: "127.0.0.1:9000",
    of: serviceRoles,
  }),
  limit: option({
    help: "Set a limit; may be repeated (see roost limits)",
    hint: "name=value,…",
    fallback: "",
    parse: parseLimits,
    of: roles,
    isSetting: false,
    ...list,
    isPairs: true,
  }),
  config: option({ help: "TOML file with any of these options", ...file, of: roles }),
  "log-level": option({
    help: "Least important line that is logged",
    hint: "debug|info|warn|error",
    fallback: "info",
    of: roles,
    isSetting: false,
    parse: values.oneOf(["debug", "info", "warn", "error"]),
  }),
  "log-format": option({
    help: "How lines are logged",
    hint: "text|json",
    fallback: "text",
    parse: values.oneOf(["text", "json"]),
    of: roles,
    isSetting: false,
  }),
  "log-people": option({
    help: "Log who signs in, signs out and is refused, with account, device and address",
    ...onOff,
    fallback: "on",
    of: clientRoles,
  }),
} as const;
