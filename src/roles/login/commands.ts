// The login service: who is signed in, and where.

import type { Time } from "../../base/runtime.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import { Dispatcher } from "../../service/dispatcher.ts";
import { countRequests } from "../../service/middleware/count.ts";
import { recover } from "../../service/middleware/recover.ts";
import { Router } from "../../service/router.ts";
import { Service } from "../../service/service.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import type { Sessions } from "../../session/sessions.ts";
import { Command } from "../../wire/commands.ts";
import { census } from "./census.ts";
import { restore } from "./restore.ts";
import { SessionLeases } from "./session-leases.ts";
import { signIn } from "./sign-in.ts";
import { signOut } from "./sign-out.ts";

/** The login service, and what ends with it. */
interface LoginService {
  readonly service: Service;
  /** Leaves the gateways' leases to other login nodes. */
  readonly stop: () => void;
}

/** Assembles the login service. */
export function createLoginService(
  parts: Time & {
    readonly sessions: Sessions;
    readonly metrics: ServiceMetrics;
    readonly limits: Limits;
    readonly log: Log;
  },
): LoginService {
  const { sessions, metrics, clock, timers, limits, log } = parts;
  const dispatcher = new Dispatcher();
  const leases = new SessionLeases(sessions, dispatcher, limits, log, timers);
  const router = new Router([recover({ rareLog: new RareLog(log, clock), metrics }), countRequests(metrics)]);
  router.handle(Command.SignIn, signIn(sessions, dispatcher, limits));
  const bug = (error: unknown): void => metrics.bug(error, "request", { command: Command.SignOut });
  router.handle(Command.SignOut, signOut(sessions, timers, bug));
  router.handle(Command.Restore, restore(sessions, dispatcher));
  router.handle(Command.Census, census(sessions, dispatcher));
  const service = new Service({
    clock,
    timers,
    router,
    dispatcher,
    log,
    stores: () => ({ sessions: sessions.identity, messages: undefined }),
    gatewayLinked: (gateway, incarnation) => void leases.linkedTo(gateway, incarnation),
    gatewayLost: (gateway, incarnation) => void leases.lost(gateway, incarnation),
  });
  return { service, stop: () => leases.stop() };
}
