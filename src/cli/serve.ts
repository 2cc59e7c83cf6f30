// roost serve: starts the role, and drains it on a signal.

import { descriptorsMax, descriptorsWanted } from "../base/descriptors.ts";
import { createLog, type Log, type LogFormat, logLine } from "../base/log.ts";
import { printableLines } from "../base/printable.ts";
import { QuietLog } from "../base/quiet-log.ts";
import { systemTimers } from "../base/timers.ts";
import { type ServiceManager, serviceManagerOf } from "./notify.ts";
import type { OptionValues } from "./option-values.ts";
import type { Role } from "../options/option.ts";
import { Leaving } from "./serve/leaving.ts";
import { requireOwnOptions } from "./serve/requirements.ts";
import { type Serving, statusOf } from "./serve/serving.ts";
import { linesTo } from "./standard-streams.ts";

/** The exit status after a bug (sysexits.h, EX_SOFTWARE). */
const exitBug = 70;

type ServeRole = (values: OptionValues, log: Log) => Promise<Serving>;

/** A role's code is loaded on demand: loading all roles would take longer than starting one. */
const serveRole: Readonly<Record<Role, () => Promise<ServeRole>>> = {
  standalone: async () => (await import("./serve/standalone.ts")).serveStandalone,
  discovery: async () => (await import("./serve/discovery.ts")).serveDiscovery,
  gateway: async () => (await import("./serve/member.ts")).serveGateway,
  login: async () => (await import("./serve/member.ts")).serveLogin,
  chat: async () => (await import("./serve/member.ts")).serveChat,
};

/** Starts the server; returns when it listens. The process lives until a signal has drained it. */
export async function serve(values: OptionValues): Promise<void> {
  const role = values.required("role");
  requireOwnOptions(values, role);
  const format = values.required("log-format");
  const errors = linesTo(2, lossNotice(format, "log"));
  const output = linesTo(1, lossNotice(format, "output"));
  const linesLost = (): number => errors.lost + output.lost;
  const level = values.required("log-level");
  const log = new QuietLog(
    createLog(level, format, (line) => errors.write(line), linesLost),
    level,
  );
  process.on("exit", () => log.flush());
  endLoudly(log);
  for (const warning of values.warnings) log.warn(warning);
  warnOfFewDescriptors(log);
  const reload = reloadOnHangUp(log);
  const serving = await (await serveRole[role]())(values, log);
  // Before anything else is logged or announced: a signal may follow it at once.
  const told: { manager?: ServiceManager | undefined } = {};
  drainOnSignals(serving, (status) => told.manager?.stopping(status), log);
  const manager = (told.manager = serviceManagerOf(process.env, process.pid, log));
  output.write(printableLines(serving.banner));
  serving.announced?.();
  manager?.ready(() => statusOf(serving));
  reload.serves(serving);
}

/**
 * Reloads files on SIGHUP, whose default would end the process. A signal before `serves` is called takes effect then: a
 * file may have changed since it was read.
 */
function reloadOnHangUp(log: Log): { serves(serving: Serving): void } {
  let reload: (() => void) | undefined;
  let isDue = false;
  process.on("SIGHUP", () => {
    if (reload === undefined) isDue = true;
    else reload();
  });
  return {
    serves(serving) {
      reload = () => log.info(serving.reload?.() ?? "SIGHUP: there is no file to reload");
      if (isDue) reload();
    },
  };
}

const lossNotice =
  (format: LogFormat, stream: string) =>
  (lines: number): string =>
    logLine(format, "warn", "lines were lost: they could not be written", { lines, stream });

/** Ends the process after a bug outside connections and requests, with its stack in the log. */
function endLoudly(log: Log): void {
  const end = (kind: string) => (error: unknown) => {
    log.error(kind, { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(exitBug);
  };
  process.on("uncaughtException", end("uncaught exception: this is a bug"));
  process.on("unhandledRejection", end("unhandled rejection: this is a bug"));
}

function warnOfFewDescriptors(log: Log): void {
  const limit = descriptorsMax();
  if (limit !== undefined && limit < descriptorsWanted) {
    log.warn("few file descriptors: each connection needs one; raise the limit (ulimit -n, LimitNOFILE)", { limit });
  }
}

function drainOnSignals(serving: Serving, stopping: (status: string) => void, log: Log): void {
  const leaving = new Leaving({ serving, log, after: systemTimers.after, exit: (status) => process.exit(status) });
  const leave = (signal: NodeJS.Signals): void => {
    if (leaving.signalled(signal)) stopping(`Stopping after ${signal}: draining`);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, leave);
}
