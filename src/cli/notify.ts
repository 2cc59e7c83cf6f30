// Notifies a service manager (systemd, Type=notify) of readiness, liveness, status and shutdown, as in sd_notify(3):
// lines of KEY=value, in datagrams to the socket that NOTIFY_SOCKET names. Without that variable it opens and sends
// nothing. A failed notification is logged only.

import type { Log } from "../base/log.ts";
import { systemClock } from "../base/clock.ts";
import { RareLog } from "../base/rare-log.ts";
import { sentenceOf } from "./failure.ts";
import { UnixDatagramSender } from "./unix-datagram.ts";

/** The time between two reads of the status, which is sent if it has changed. */
const statusMs = 5_000;
/** The shortest time between two log lines about a bug. */
const bugQuietMs = 60_000;
const statusCharactersMax = 500;
const timerMsMax = 2 ** 31 - 1;

type Variables = Readonly<Record<string, string | undefined>>;

/** Returns the manager that the variables name; undefined if they name none, or its socket is invalid. */
export function serviceManagerOf(variables: Variables, pid: number, log: Log): ServiceManager | undefined {
  const socket = variables["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return undefined;
  try {
    const sender = new UnixDatagramSender(socket);
    return new ServiceManager((notice) => sender.send(notice), watchdogMs(variables, pid), log);
  } catch (error) {
    log.warn("the service manager cannot be notified", { socket, error: sentenceOf(error) });
    return undefined;
  }
}

/** Returns the time between two keep-alives, half of the manager's timeout; undefined if it expects none. */
export function watchdogMs(variables: Variables, pid: number): number | undefined {
  const intervalUs = variables["WATCHDOG_USEC"] ?? "";
  const askedPid = variables["WATCHDOG_PID"] ?? "";
  // Both are inherited, so they may be meant for the parent process.
  if (!/^[1-9]\d*$/.test(intervalUs) || (askedPid !== "" && askedPid !== String(pid))) return undefined;
  return Math.min(Math.max(1, Math.floor(Number(intervalUs) / 2_000)), timerMsMax);
}

/** The service manager of this process. Call `ready`, then `stopping`. */
export class ServiceManager {
  private readonly send: (notice: string) => void;
  private readonly watchdogMs: number | undefined;
  private readonly log: Log;
  private readonly bugLog: RareLog;
  private lastStatus = "";
  /** Only the first of consecutive failures is logged. */
  private isFailing = false;
  private statusTimer: Timer | undefined;

  constructor(send: (notice: string) => void, watchdogIntervalMs: number | undefined, log: Log) {
    this.send = send;
    this.watchdogMs = watchdogIntervalMs;
    this.log = log;
    this.bugLog = new RareLog(log, systemClock, bugQuietMs);
  }

  /** Reports readiness; from now on keep-alives and changes of the status follow. */
  ready(status: () => string): void {
    this.lastStatus = this.statusLineOf(status);
    this.notify(`READY=1\n${this.lastStatus}`);
    this.statusTimer = setInterval(() => {
      const line = this.statusLineOf(status);
      if (line !== this.lastStatus) this.notify(line);
      this.lastStatus = line;
    }, statusMs);
    this.statusTimer.unref();
    // A timer of this thread: it stops when the event loop hangs, which the manager then notices.
    if (this.watchdogMs !== undefined) setInterval(() => this.notify("WATCHDOG=1"), this.watchdogMs).unref();
  }

  /** Reports the shutdown. Keep-alives continue. */
  stopping(status: string): void {
    clearInterval(this.statusTimer);
    this.notify(`STOPPING=1\n${statusLine(status)}`);
  }

  /** Returns the last status if the present one cannot be determined. */
  private statusLineOf(status: () => string): string {
    try {
      return statusLine(status());
    } catch (error) {
      this.bugLog.error("the status for the service manager cannot be determined", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return this.lastStatus;
    }
  }

  private notify(notice: string): void {
    try {
      this.send(notice);
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.warn("the service manager was not notified", { notice, error: sentenceOf(error) });
      this.isFailing = true;
    }
  }
}

/** Formats a status as one line. */
function statusLine(status: string): string {
  return `STATUS=${status.replaceAll(/\s+/g, " ").slice(0, statusCharactersMax)}`;
}
