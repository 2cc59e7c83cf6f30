// roost serve --role gateway, login, chat: options to settings, and what such a process cannot do without.

import type { Log } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { fileScheme } from "../../options/engines.ts";
import type { MemberRole, MemberSettings, MemberSettingsOf, RunningMember } from "../../node/member.ts";
import { parseRouteFile } from "../../routing/selectors/route-file.ts";
import type { Selection } from "../../routing/selectors/selection.ts";
import { startChat } from "../../roles/chat/start.ts";
import { startGateway } from "../../roles/gateway/start.ts";
import { startLogin } from "../../roles/login/start.ts";
import type { SocketAddress } from "../../transport/address.ts";
import { memberBanner } from "../banner.ts";
import { lockStore } from "../data-folder.ts";
import { isDatabaseFile } from "../../options/engine-url.ts";
import type { OptionValues } from "../option-values.ts";
import { readRules } from "../rules-file.ts";
import { readClusterKeys, readGivenSecrets } from "../secrets.ts";
import { readS3Credentials } from "../s3-credentials.ts";
import { databasePath } from "../store-place.ts";
import { readNodeTls, readTls } from "../tls.ts";
import { UsageError } from "../usage-error.ts";
import { version } from "../version.ts";
import { leaveBySignal } from "./leaving.ts";
import { limitsOf } from "./limits.ts";
import { memberListeners, tryListeners } from "./listeners.ts";
import {
  requireClusterKey,
  requiredSessions,
  requiredStore,
  requireDoor,
  requireRegistry,
  requireSecureApi,
  requireSecureRegistry,
  requireSharedMedia,
  warnOfOpenRegistry,
} from "./requirements.ts";
import { begin, listenersOf, type Serving } from "./serving.ts";

const anyPort: SocketAddress = { host: "127.0.0.1", port: 0 };
/** Random bits of an id that nobody has chosen. */
const idBits = 48;

/** Starts a gateway. */
export async function serveGateway(values: OptionValues, log: Log): Promise<Serving> {
  const settings = memberSettings(values, log, "gateway");
  const { ws, tcp, reusePort } = settings;
  requireDoor(values);
  requireSharedMedia(values);
  const tokenKeys = readGivenSecrets(values, log);
  const tls = readTls(values, log);
  const clients = [
    { option: "--ws", address: ws },
    { option: "--tcp", address: tcp },
  ];
  const running = begin(
    () => startGateway({ ...settings, ...tls, selection: selectionOf(values, log), tokenKeys }),
    // Other gateways of this machine may listen at shared ports.
    [...(reusePort ? [] : clients), ...memberListeners(settings)],
  );
  return servingOf("gateway", await running, settings, tls.tls !== undefined);
}

/** Starts a login service. */
export async function serveLogin(values: OptionValues, log: Log): Promise<Serving> {
  const member = memberSettings(values, log, "login");
  // Before a folder of a store is made.
  tryListeners(memberListeners(member));
  const sessions = sessionsOf(values, log);
  const running = begin(() => startLogin({ ...member, sessions }), memberListeners(member));
  return servingOf("login", await running, member);
}

/** Starts a chat service. */
export async function serveChat(values: OptionValues, log: Log): Promise<Serving> {
  const member = memberSettings(values, log, "chat");
  const { api, nodeTls } = member;
  requireSecureApi(values, api, nodeTls !== undefined, "--node-cert");
  requireSharedMedia(values);
  const s3Credentials = readS3Credentials(values);
  const listeners = [...memberListeners(member), { option: "--api", address: api }];
  tryListeners(listeners);
  const sessions = sessionsOf(values, log);
  const store = engineOf(values, "store", requiredStore(values), log);
  const mayIssue = values.isGiven("secret") || values.isGiven("secret-file");
  const tokenKeys = mayIssue ? readGivenSecrets(values, log) : undefined;
  const unlock = isDatabaseFile(store) ? lockStore(store.slice(fileScheme.length), "shared") : undefined;
  const forApi = { tokenKeys, leave: leaveBySignal };
  const running = begin(() => startChat({ ...member, sessions, store, s3Credentials, ...forApi }), listeners);
  const serving = servingOf("chat", await running, member);
  return {
    ...serving,
    async drain() {
      await serving.drain();
      unlock?.();
    },
  };
}

function memberSettings<R extends MemberRole>(values: OptionValues, log: Log, role: R): MemberSettingsOf<R>;
function memberSettings(values: OptionValues, log: Log, role: MemberRole): MemberSettings {
  // All values are checked before any file is read.
  const settings = values.settings(role);
  requireRegistry(values, role);
  const { keys: clusterKeys, again } = readClusterKeys(values, log);
  requireClusterKey(clusterKeys);
  warnOfOpenRegistry(values, log);
  const nodeTls = readNodeTls(values, role, log);
  requireSecureRegistry(settings.discovery, nodeTls);
  return {
    ...settings,
    ...(values.isGiven("id") ? {} : { id: `${role}-${systemRandom.base62(idBits)}` }),
    listen: values.optional("listen") ?? anyPort,
    clusterKeys,
    readClusterKeys: again,
    nodeTls,
    ...(values.isGiven("monitor") ? {} : { monitor: anyPort }),
    ...(values.isGiven("api") ? {} : { api: undefined }),
    weight: values.isGiven("weight") ? values.optional("weight") : undefined,
    version,
    limits: limitsOf(values, role, log),
    log,
    lost(sentence) {
      log.error(sentence);
      process.exit(1);
    },
  };
}

function servingOf(
  role: MemberRole,
  running: RunningMember,
  { limits, nodeTls }: Pick<MemberSettings, "limits" | "nodeTls">,
  isSecure = false,
): Serving {
  const isNodeSecure = nodeTls !== undefined;
  return {
    ...running,
    banner: memberBanner({ version, role, id: running.id, addresses: running.addresses, isSecure, isNodeSecure }),
    listening: [
      ...listenersOf(running.addresses, { clients: isSecure, node: isNodeSecure, api: isNodeSecure }),
      `links ${running.addresses.link}`,
    ],
    limits,
  };
}

/** Reads how a gateway chooses nodes, with the rules of --route. Throws UsageError, StartError. */
export function selectionOf(values: OptionValues, log: Log): Selection {
  const name = values.required("selector");
  const path = values.optional("route");
  const zoneWeights = values.required("zone-weights");
  if (name !== "weighted" && zoneWeights.size > 0)
    throw new UsageError(`${values.sourceOf("zone-weights")} is for --selector weighted`);
  if (name !== "route") {
    if (path !== undefined) throw new UsageError(`${values.sourceOf("route")} is for --selector route`);
    return { name, zoneWeights };
  }
  if (path === undefined) throw new UsageError("--selector route needs --route FILE");
  return { name, path, rules: readRules(path, values.sourceOf("route"), log, parseRouteFile) };
}

function sessionsOf(values: OptionValues, log: Log): string {
  return engineOf(values, "sessions", requiredSessions(values), log);
}

/** An engine's URL; of a file its folder is made, and the path becomes absolute. */
function engineOf(values: OptionValues, option: "store" | "sessions", url: string, log: Log): string {
  return isDatabaseFile(url) ? `${fileScheme}${databasePath(url, values.sourceOf(option), log)}` : url;
}
