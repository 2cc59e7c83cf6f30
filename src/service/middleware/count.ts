// Counts requests by command.

import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Middleware } from "../router.ts";

/** Counts every request that reaches the router. */
export function countRequests(metrics: ServiceMetrics): Middleware {
  return (next) => (context) => {
    metrics.countIn(context.command);
    return next(context);
  };
}
