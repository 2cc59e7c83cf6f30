// The engines of messages and sessions: one table each, which the options, their help, the README's test and the opener
// use. An engine's code is loaded when it is opened.

import type { StoreClaim } from "../auth/store-ownership.ts";
import { systemClock } from "../base/clock.ts";
import type { LimitValues } from "../base/limits/table.ts";
import type { Log } from "../base/log.ts";
import type { KnownIdentity } from "../session/redis/redis-owner.ts";
import type { SessionLimits, Sessions } from "../session/sessions.ts";
import type { KeyTool } from "../store/key-tool.ts";
import { checkHosts } from "../store/host-list.ts";
import type { PurgeTool } from "../store/purge.ts";
import type { Store } from "../store/store.ts";

/** The prefix of the URL of an engine in a file; the path follows. */
export const fileScheme = "sqlite:";

/** The options of an engine. */
interface EngineOptions {
  readonly url: string;
  readonly claim: StoreClaim;
  readonly log: Log;
  /** Called if an engine that was unavailable at the start cannot be used, or now belongs to another cluster. */
  readonly refused: (sentence: string) => void;
}

type StoreOptions = EngineOptions & {
  readonly retentionDays: number;
  readonly limits: LimitValues;
  /** Of several servers: a standby need not have what is acknowledged. */
  readonly isAsync: boolean;
};
/** `known` returns the identity of the sessions that other nodes know. */
type SessionsOptions = EngineOptions & { readonly known: KnownIdentity; readonly limits: SessionLimits };

export interface Engine {
  readonly schemes: readonly string[];
  /** Checks the hosts of a URL that may name several; throws what is expected. By default a URL names one. */
  readonly checkHosts?: (url: string) => void;
  /** The form of its URL, for help. */
  readonly help: string;
  /** Where the processes may run that share it. */
  readonly reach: "one machine" | "several";
}

interface StoreEngine extends Engine {
  readonly open: (options: StoreOptions) => Promise<Store>;
  /** `isAsync` as in StoreOptions, of what the tool writes. */
  readonly openPurge: (url: string, isAsync: boolean) => Promise<PurgeTool>;
  readonly openKeys: (url: string, isAsync: boolean) => Promise<KeyTool>;
}

interface SessionsEngine extends Engine {
  readonly open: (options: SessionsOptions) => Promise<Sessions>;
}

const pathOf = (url: string): string => url.slice(fileScheme.length);

export const storeEngines: readonly StoreEngine[] = [
  {
    schemes: [fileScheme],
    help: "sqlite:PATH",
    reach: "one machine",
    open: async ({ url, ...rest }) =>
      (await import("../store/sqlite/sqlite-store.ts")).openSqliteStore({ path: pathOf(url), ...rest }),
    openPurge: async (url) =>
      (await import("../store/sqlite/purge-tool.ts")).openSqlitePurgeTool(pathOf(url), systemClock),
    openKeys: async (url) =>
      (await import("../store/sqlite/back-end/key-tool.ts")).openSqliteKeyTool(pathOf(url), systemClock),
  },
  {
    schemes: ["postgres://", "postgresql://"],
    checkHosts,
    help: "postgres://…",
    reach: "several",
    open: async (options) => (await import("../store/postgres/open-postgres-store.ts")).openPostgresStore(options),
    openPurge: async (...store) => (await import("../store/postgres/purge-tool.ts")).openPostgresPurge(...store),
    openKeys: async (...store) => (await import("../store/postgres/back-end/key-tool.ts")).openPostgresKeys(...store),
  },
];

export const sessionsEngines: readonly SessionsEngine[] = [
  {
    schemes: [fileScheme],
    help: "sqlite:PATH",
    reach: "one machine",
    open: async ({ url, ...rest }) =>
      (await import("../session/sqlite/sqlite-sessions.ts")).openSqliteSessions({ path: pathOf(url), ...rest }),
  },
  ...["redis", "valkey"].map((name): SessionsEngine => ({
    schemes: [`${name}://`, `${name}s://`],
    checkHosts: refuseSeveral,
    help: `${name}://…`,
    reach: "several",
    open: async (options) => (await import("../session/redis/redis-sessions.ts")).openRedisSessions(options),
  })),
];

/** Throws what is expected of a URL that names one server. */
function refuseSeveral(url: string): void {
  const [, host = ""] = /^[a-z]+:\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(url) ?? [];
  if (host.includes(",")) throw new Error("one host: the master's, or that of a proxy which leads to the master");
}

/** Returns the engine of a URL; undefined if none has its scheme. */
export function engineOf<Kind extends Engine>(engines: readonly Kind[], url: string): Kind | undefined {
  return engines.find(({ schemes }) => schemes.some((scheme) => url.startsWith(scheme)));
}

function required<Kind extends Engine>(engines: readonly Kind[], url: string): Kind {
  const engine = engineOf(engines, url);
  if (engine === undefined) throw new Error("the URL has the scheme of an engine");
  return engine;
}

/** Opens a message store. Rejects with StoreUnavailable. */
export async function openStore(options: StoreOptions): Promise<Store> {
  return required(storeEngines, options.url).open(options);
}

/** Opens an existing message store for the operator's purge. Rejects with StoreUnavailable. */
export async function openPurgeTool(url: string, isAsync: boolean): Promise<PurgeTool> {
  return required(storeEngines, url).openPurge(url, isAsync);
}

/** Opens the keys of an existing message store for the operator. Rejects with StoreUnavailable. */
export async function openKeyTool(url: string, isAsync: boolean): Promise<KeyTool> {
  return required(storeEngines, url).openKeys(url, isAsync);
}

/** Opens the sessions that services share. Rejects with SessionsUnavailable. */
export async function openSessions(options: SessionsOptions): Promise<Sessions> {
  return required(sessionsEngines, options.url).open(options);
}
