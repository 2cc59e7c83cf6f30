// All scenarios, in the order in which they run.

import { api } from "./load/api.ts";
import { broadcast } from "./load/broadcast.ts";
import { clusterTalk } from "./load/cluster-talk.ts";
import { conversations } from "./load/conversations.ts";
import { echo } from "./load/echo.ts";
import { failover } from "./load/failover.ts";
import { gateway } from "./load/gateway.ts";
import { group } from "./load/group.ts";
import { guards } from "./load/guards.ts";
import { history } from "./load/history.ts";
import { hooks } from "./load/hooks.ts";
import { hostile } from "./load/hostile.ts";
import { idle } from "./load/idle.ts";
import { importing } from "./load/import.ts";
import { largeGroup } from "./load/large-group.ts";
import { login } from "./load/login.ts";
import { offline } from "./load/offline.ts";
import { postgresHa } from "./load/postgres-ha.ts";
import { postgres } from "./load/postgres.ts";
import { presence } from "./load/presence.ts";
import { recalls } from "./load/recalls.ts";
import { receipts } from "./load/receipts.ts";
import { registryDns } from "./load/registry-dns.ts";
import { registryFanout } from "./load/registry-fanout.ts";
import { registryRenewals } from "./load/registry-renewals.ts";
import { registry } from "./load/registry.ts";
import { returns } from "./load/returns.ts";
import { slow } from "./load/slow.ts";
import { startup } from "./load/startup.ts";
import { sync } from "./load/sync.ts";
import { talk } from "./load/talk.ts";
import { tls } from "./load/tls.ts";
import { web } from "./load/web.ts";
import type { Scenario } from "./scenario.ts";

export const scenarios: readonly Scenario[] = [
  startup,
  echo,
  login,
  talk,
  offline,
  group,
  broadcast,
  slow,
  sync,
  history,
  conversations,
  receipts,
  recalls,
  presence,
  largeGroup,
  guards,
  api,
  importing,
  hooks,
  idle,
  tls,
  gateway,
  clusterTalk,
  postgres,
  postgresHa,
  failover,
  returns,
  registry,
  registryRenewals,
  registryDns,
  registryFanout,
  web,
  hostile,
];
