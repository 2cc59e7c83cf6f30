// The login service: who is signed in, and where.

import type { Log } from "../../base/log.ts";
import { Dispatcher } from "../../container/dispatcher.ts";
import { countRequests } from "../../container/middleware/count.ts";
import { recover } from "../../container/middleware/recover.ts";
import { Router } from "../../container/router.ts";
import { Service } from "../../container/service.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { signIn } from "./sign-in.ts";
import { signOut } from "./sign-out.ts";

/** Assembles the login service; the result accepts gateways' links. */
export function createLoginService(parts: { sessions: Sessions; metrics: ServiceMetrics; log: Log }): Service {
  const { sessions, metrics, log } = parts;
  const dispatcher = new Dispatcher();
  const router = new Router([recover(log), countRequests(metrics)]);
  router.handle(Command.SignIn, signIn(sessions, dispatcher));
  router.handle(Command.SignOut, signOut(sessions));
  return new Service({
    router,
    dispatcher,
    log,
    gatewayLinked: () => undefined,
    gatewayLost(gateway) {
      // A gateway whose link is gone cannot be reached: its sessions count as offline at once.
      sessions.removeGateway(gateway).catch((error: unknown) => {
        log.error("sessions of a lost gateway could not be removed", { gateway, error: String(error) });
      });
    },
  });
}
