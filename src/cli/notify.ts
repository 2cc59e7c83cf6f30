// What a service manager (systemd, Type=notify) is told: that this process serves, that it lives, how it is, and that
// it leaves. The protocol is that of sd_notify(3): lines of KEY=value, in datagrams to the socket that NOTIFY_SOCKET
// names. Where there is no such variable nothing is opened and nothing is sent. A notice that fails is a line in the
// log only.

import type { Log } from "../base/log.ts";
import { systemClock } from "../base/clock.ts";
import { RareLog } from "../base/rare-log.ts";
import { sentenceOf } from "./failure.ts";
import { UnixDatagramSender } from "./unix-datagram.ts";

/** How often the status is looked at; it is sent when it has changed. */
const statusMs = 5_000;
/** The shortest time between two lines about a bug. */
const bugQuietMs = 60_000;
const statusCharactersMax = 500;
const timerMsMax = 2 ** 31 - 1;

type Variables = Readonly<Record<string, string | undefined>>;

/** Opens the way to the manager that the variables name; undefined when they name none, or one that cannot be told. */
export function serviceManagerOf(variables: Variables, pid: number, log: Log): ServiceManager | undefined {
  const socket = variables["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return undefined;
  try {
    const sender = new UnixDatagramSender(socket);
    return new ServiceManager((notice) => sender.send(notice), watchdogMs(variables, pid), log);
  } catch (error) {
    log.warn("the service manager cannot be told anything", { socket, error: sentenceOf(error) });
    return undefined;
  }
}

/** How often the manager wants to hear that this process lives: half of what it waits. Undefined: it does not ask. */
export function watchdogMs(variables: Variables, pid: number): number | undefined {
  const intervalUs = variables["WATCHDOG_USEC"] ?? "";
  const askedPid = variables["WATCHDOG_PID"] ?? "";
  // Both are inherited: they may be meant for the process that started this one.
  if (!/^[1-9]\d*$/.test(intervalUs) || (askedPid !== "" && askedPid !== String(pid))) return undefined;
  return Math.min(Math.max(1, Math.floor(Number(intervalUs) / 2_000)), timerMsMax);
}

/** The manager of this process, told of its life in this order: `ready`, then `stopping`. */
export class ServiceManager {
  private readonly send: (notice: string) => void;
  private readonly watchdogMs: number | undefined;
  private readonly log: Log;
  private readonly bugLog: RareLog;
  private told = "";
  /** One line in the log for each time that it begins. */
  private isFailing = false;
  private statusTimer: Timer | undefined;

  constructor(send: (notice: string) => void, watchdogIntervalMs: number | undefined, log: Log) {
    this.send = send;
    this.watchdogMs = watchdogIntervalMs;
    this.log = log;
    this.bugLog = new RareLog(log, systemClock, bugQuietMs);
  }

  /** This process serves, and from now on says that it lives, and how it is (a sentence, asked again and again). */
  ready(status: () => string): void {
    this.told = this.statusLineOf(status);
    this.notify(`READY=1\n${this.told}`);
    this.statusTimer = setInterval(() => {
      const line = this.statusLineOf(status);
      if (line !== this.told) this.notify(line);
      this.told = line;
    }, statusMs);
    this.statusTimer.unref();
    // A timer of this thread: when the event loop hangs it is silent, which is what the manager listens for.
    if (this.watchdogMs !== undefined) setInterval(() => this.notify("WATCHDOG=1"), this.watchdogMs).unref();
  }

  /** This process leaves. It goes on saying that it lives. */
  stopping(status: string): void {
    clearInterval(this.statusTimer);
    this.notify(`STOPPING=1\n${statusLine(status)}`);
  }

  /** A status that cannot be told is no reason to end: the last one stands. */
  private statusLineOf(status: () => string): string {
    try {
      return statusLine(status());
    } catch (error) {
      this.bugLog.error("the service manager is not told how this process is", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
      return this.told;
    }
  }

  private notify(notice: string): void {
    try {
      this.send(notice);
      this.isFailing = false;
    } catch (error) {
      if (!this.isFailing) this.log.warn("the service manager was not told", { notice, error: sentenceOf(error) });
      this.isFailing = true;
    }
  }
}

/** A status is one line. */
function statusLine(status: string): string {
  return `STATUS=${status.replaceAll(/\s+/g, " ").slice(0, statusCharactersMax)}`;
}
