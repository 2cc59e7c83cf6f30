// roost serve: options to settings, start, drain on a signal.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { shutdownMsMax } from "../base/limits.ts";
import { createLog, type Log } from "../base/log.ts";
import type { RunningRole } from "../roles/settings.ts";
import { startStandalone } from "../roles/standalone/role.ts";
import { StoreUnavailable } from "../store/store.ts";
import { banner } from "./banner.ts";
import { lockDataFolder, openDataFolder } from "./data-folder.ts";
import { codeOf, sentenceOf } from "./failure.ts";
import type { OptionValues } from "./options.ts";
import { readSecrets } from "./secrets.ts";
import { StartError, UsageError } from "./usage-error.ts";
import { version } from "./version.ts";

/** Status of a process that ended by a bug (sysexits.h, EX_SOFTWARE). */
const exitBug = 70;
/** Fewer descriptors than this deserve a word. */
const descriptorsWanted = 10_000;

/** Starts the server; returns when it listens. The process lives until a signal has drained it. */
export async function serve(values: OptionValues): Promise<void> {
  const role = values.required("role");
  if (role !== "standalone")
    throw new UsageError(
      `--role ${role} does not exist yet in roost ${version}; standalone is everything in one process`,
    );
  for (const name of ["listen", "cluster-key", "cluster-key-file", "route"] as const) {
    if (values.isGiven(name))
      throw new UsageError(
        `--${name} is for services as processes of their own; a standalone server has no use for it`,
      );
  }
  if (values.required("sessions") !== "memory:")
    throw new UsageError("--sessions takes memory: in a standalone server");
  const log = createLog(values.required("log-level"), values.required("log-format"));
  const store = values.optional("store");
  if (store !== undefined && !/^sqlite:./.test(store)) throw new UsageError("--store takes sqlite:PATH");
  const settings = {
    ws: values.optional("ws"),
    tcp: values.optional("tcp"),
    monitor: values.optional("monitor"),
    readWaitMs: values.required("read-wait"),
    writeWaitMs: values.required("write-wait"),
    loginWaitMs: values.required("login-wait"),
    retentionDays: values.required("retention"),
    id: values.required("id"),
    zone: values.optional("zone") ?? "",
  };
  const dataOption = values.required("data");
  const dataFolder = openDataFolder(dataOption);
  const unlock = lockDataFolder(dataFolder);
  const secrets = readSecrets(values, dataFolder, true, log);
  const storePath = store === undefined ? join(dataFolder, "messages.db") : resolve(store.slice("sqlite:".length));
  endLoudly(log);
  warnOfFewDescriptors(log);
  const running = await start(() => startStandalone({ ...settings, secrets: secrets.keys, storePath, version, log }));
  drainOnSignals(running, log, unlock);
  process.stdout.write(
    banner({ version, addresses: running.addresses, dataFolder, dataOption, storePath, secretMadeAt: secrets.madeAt }),
  );
}

async function start(begin: () => Promise<RunningRole>): Promise<RunningRole> {
  try {
    return await begin();
  } catch (error) {
    if (error instanceof StoreUnavailable) throw new StartError(sentenceOf(error));
    switch (codeOf(error)) {
      case "EADDRINUSE":
        throw new StartError(
          `${sentenceOf(error)}; another program listens there: stop it, or choose other addresses with --ws, --tcp and --monitor`,
        );
      case "EACCES":
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        throw new StartError(`${sentenceOf(error)}; choose other addresses with --ws, --tcp and --monitor`);
      default:
        throw error;
    }
  }
}

/** A bug ends the process, with its stack in the log. */
function endLoudly(log: Log): void {
  const end = (kind: string) => (error: unknown) => {
    log.error(kind, { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exit(exitBug);
  };
  process.on("uncaughtException", end("uncaught exception: this is a bug"));
  process.on("unhandledRejection", end("unhandled rejection: this is a bug"));
}

function warnOfFewDescriptors(log: Log): void {
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? Infinity);
  if (limit < descriptorsWanted) {
    log.warn("few descriptors: each connection takes one; raise the limit (ulimit -n, LimitNOFILE)", { limit });
  }
}

function drainOnSignals(running: RunningRole, log: Log, unlock: () => void): void {
  let signals = 0;
  const leave = (signal: NodeJS.Signals): void => {
    signals++;
    if (signals > 1) {
      log.warn("a second signal: ending at once", { signal });
      process.exit(1);
    }
    log.info("leaving", { signal });
    const late = setTimeout(() => {
      log.warn("the drain took too long: ending now");
      process.exit(1);
    }, shutdownMsMax);
    late.unref();
    running.drain().then(
      () => {
        unlock();
        process.exit(0);
      },
      (error: unknown) => {
        log.error("the drain failed", { error: sentenceOf(error) });
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGQUIT"] as const) process.on(signal, leave);
  process.on("SIGHUP", () => log.info("SIGHUP: there is no file to read again"));
}
