// The API for back ends.

import { apiRoles, listener, option, toggle } from "../option.ts";

export const backEndOptions = {
  api: option({
    help: "Serve the HTTP API for back ends (chat: off unless it is given)",
    ...listener,
    fallback: "127.0.0.1:8200",
    of: apiRoles,
  }),
  "api-plain": option({
    help: "Serve --api in plain text on an address that is not loopback: a proxy in front has TLS",
    ...toggle,
    of: apiRoles,
    isSetting: false,
  }),
} as const;
