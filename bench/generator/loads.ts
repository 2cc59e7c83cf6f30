// The loads that a generator can put on a server, by the names under which the supervisor asks for them.

import { loadApi } from "../load/api.ts";
import { loadBroadcast } from "../load/broadcast.ts";
import { loadArrivals, loadLists } from "../load/conversations.ts";
import { loadEcho } from "../load/echo.ts";
import { loadFailover } from "../load/failover.ts";
import { loadGateway } from "../load/gateway.ts";
import { loadHandshakes } from "../load/handshakes.ts";
import { loadGroup } from "../load/group.ts";
import { loadGuards } from "../load/guards.ts";
import { loadHistory } from "../load/history.ts";
import { loadHooks } from "../load/hooks.ts";
import { loadHostile } from "../load/hostile.ts";
import { loadIdle } from "../load/idle.ts";
import { loadImport } from "../load/import.ts";
import { loadLargeGroup } from "../load/large-group.ts";
import { loadLargeGroupWriter } from "../load/large-group-writer.ts";
import { loadLogin } from "../load/login.ts";
import { loadOffline } from "../load/offline.ts";
import { loadDatabaseFailure } from "../load/postgres-ha.ts";
import { loadPresence } from "../load/presence.ts";
import { loadRecalls } from "../load/recalls.ts";
import { loadReceipts } from "../load/receipts.ts";
import { loadDns } from "../load/registry-dns.ts";
import { loadFanout } from "../load/registry-fanout.ts";
import { loadRenewals } from "../load/registry-renewals.ts";
import { loadChanges } from "../load/registry.ts";
import { loadReturns } from "../load/returns.ts";
import { loadSlow } from "../load/slow.ts";
import { loadSync } from "../load/sync.ts";
import { loadTalk } from "../load/talk.ts";
import { loadWeb } from "../load/web.ts";
import type { RunLoad } from "./load.ts";

export const loads = {
  api: loadApi,
  arrivals: loadArrivals,
  broadcast: loadBroadcast,
  "database-failure": loadDatabaseFailure,
  echo: loadEcho,
  failover: loadFailover,
  gateway: loadGateway,
  group: loadGroup,
  guards: loadGuards,
  handshakes: loadHandshakes,
  history: loadHistory,
  hooks: loadHooks,
  hostile: loadHostile,
  idle: loadIdle,
  import: loadImport,
  "large-group": loadLargeGroup,
  "large-group-writer": loadLargeGroupWriter,
  lists: loadLists,
  login: loadLogin,
  offline: loadOffline,
  presence: loadPresence,
  recalls: loadRecalls,
  receipts: loadReceipts,
  registry: loadChanges,
  "registry-dns": loadDns,
  "registry-fanout": loadFanout,
  "registry-renewals": loadRenewals,
  returns: loadReturns,
  slow: loadSlow,
  sync: loadSync,
  talk: loadTalk,
  web: loadWeb,
} as const satisfies Record<string, RunLoad>;

export type LoadName = keyof typeof loads;

export function isLoadName(name: string): name is LoadName {
  return Object.hasOwn(loads, name);
}
