// Login and chat as separate processes: a service that uses the sessions and accepts links of gateways.

import { clusterFingerprint, type StoreClaim } from "../auth/store-ownership.ts";
import type { Health } from "../observe/operator-answers.ts";
import type { Service } from "../service/service.ts";
import { type Sessions, sessionsDetail } from "../session/sessions.ts";
import { openSessions } from "../options/engines.ts";
import { knownSessionsIdentity } from "./known-identity.ts";
import { LogicNode } from "./logic-node.ts";
import { type MemberProcess, type MemberSettingsOf, type RunningMember, startMember } from "./member.ts";
import type { OwnedStore } from "./owners-watch.ts";

/** The part of a drain's time that is reserved for leaving and closing. */
const closingMs = 3_000;

/** The settings of both services. */
export interface LogicSettings extends MemberSettingsOf<"login" | "chat"> {
  /** `sqlite:PATH` or `redis://…`. */
  readonly sessions: string;
}

/** Whose the stores of a cluster have to be. */
export function claimOf({ clusterKeys, env, adopt }: LogicSettings): StoreClaim {
  return { fingerprints: clusterKeys.map((key) => clusterFingerprint(key, env)), adopt };
}

/** A listener of a service besides that of its links. */
interface ServiceListener {
  readonly address: string;
  /** Waits at most `answerMsMax` for answers under way. */
  stop(answerMsMax: number): Promise<void>;
}

/** A service and its parts. */
interface LogicParts {
  readonly service: Service;
  readonly sessions: Sessions;
  /** Other stores that belong to the cluster. */
  readonly stores?: readonly OwnedStore[];
  /** Listens for others than gateways, once the service has started. Throws if the address cannot be bound. */
  readonly listen?: () => ServiceListener | undefined;
  /** Reads its files again; returns a sentence for the log, undefined if there is none. */
  readonly reload?: () => string | undefined;
  /** Their state, for `GET /health`. */
  readonly health?: () => Health;
}

/**
 * Starts one; rejects when an address or a store cannot be opened, and with IdTaken. `assemble` opens the sessions,
 * which are closed for it, and what else it needs.
 */
export function startLogicMember(
  settings: LogicSettings,
  role: "login" | "chat",
  assemble: (around: MemberProcess, open: () => Promise<Sessions>) => Promise<LogicParts>,
): Promise<RunningMember> {
  return startMember(settings, role, async (around) => {
    const { environment, serviceMetrics, undo } = around;
    const { limits, log, lost: refused } = settings;
    const claim = claimOf(settings);
    const known = knownSessionsIdentity(environment.naming, settings.id);
    const {
      service,
      sessions,
      stores = [],
      health,
      listen,
      reload,
    } = await assemble(around, async () => {
      const opened = await openSessions({ url: settings.sessions, known, claim, limits: limits.values, log, refused });
      undo(() => opened.close());
      return opened;
    });
    const node = new LogicNode(environment, service, serviceMetrics, [...stores, sessions], sessions);
    const link = await node.start();
    const api = listen?.();
    return {
      addresses: { link, ws: undefined, tcp: undefined, api: api?.address },
      health: () => {
        const { ready, detail } = health?.() ?? { ready: true, detail: {} };
        return {
          ready: ready && node.isReady && sessions.isHealthy,
          detail: { role, ...node.detail, ...detail, ...sessionsDetail(sessions) },
        };
      },
      ...(reload && { reload }),
      async drain() {
        const answerMsMax = limits.values.shutdownMs - closingMs;
        await Promise.all([api?.stop(answerMsMax), node.drain(answerMsMax)]);
      },
    };
  });
}
