// Webhooks: where they may lead, and how long a talk waits for one.

import { hookRangesMax } from "../../base/limits/fixed.ts";
import { duration, list, option } from "../option.ts";
import * as values from "../values.ts";

const of = ["standalone", "chat"] as const;

export const hookOptions = {
  "hook-allow": option({
    help: "Private addresses that webhooks may reach, such as 10.0.0.0/8; none without it, not even loopback",
    hint: "cidr,…",
    parse: values.rangesUpTo(hookRangesMax, "the ranges that webhooks need, and no more"),
    of,
    ...list,
  }),
  "hook-proxy": option({
    help: "Proxy for webhooks, which resolves their names; HTTP_PROXY of the environment is not obeyed",
    hint: "http://host:port",
    parse: values.parseProxy,
    of,
  }),
  "hook-timeout": option({
    help: "How long a message waits for the answer of a before hook",
    ...duration("10ms", "30s"),
    fallback: "1s",
    of,
  }),
} as const;
