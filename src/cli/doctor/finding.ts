// What a check of `roost doctor` is, and what it finds.

import type { Log, LogFields } from "../../base/log.ts";
import type { Role } from "../../options/option.ts";
import type { OptionValues } from "../option-values.ts";

/** By rising weight. A server starts and serves with warnings; with a problem it does not, or badly. */
export const levels = ["ok", "warning", "problem"] as const;
export type Level = (typeof levels)[number];

export interface Finding {
  readonly level: Level;
  /** What is so, where, and unless it is ok, what would be right. */
  readonly text: string;
}

/** What is examined: a server as it would start. */
export interface Subject {
  readonly values: OptionValues;
  readonly role: Role;
}

/** One thing that can be wrong. */
export interface Check {
  /** For the output, such as "token keys". */
  readonly name: string;
  /** The roles to which it means something. */
  readonly of: readonly Role[];
  /**
   * Changes nothing. None: there is nothing to check. An error that an operator can correct (StartError, UsageError and
   * what the stores throw) is a problem.
   */
  readonly run: (subject: Subject) => readonly Finding[] | Promise<readonly Finding[]>;
}

export const ok = (text: string): Finding => ({ level: "ok", text });
export const warning = (text: string): Finding => ({ level: "warning", text });
export const problem = (text: string): Finding => ({ level: "problem", text });

/** Collects what code of the server logs: its warnings and errors are warnings here. */
export class Notes implements Log {
  readonly findings: Finding[] = [];

  debug(): void {}
  info(): void {}

  warn(sentence: string, fields: LogFields = {}): void {
    const details = Object.entries(fields).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name} ${value}`],
    );
    this.findings.push(warning(details.length === 0 ? sentence : `${sentence} (${details.join(", ")})`));
  }

  error(sentence: string, fields?: LogFields): void {
    this.warn(sentence, fields);
  }

  linesLost(): number {
    return 0;
  }

  /** The warnings; without any, that all is well. */
  or(text: string): readonly Finding[] {
    return this.findings.length === 0 ? [ok(text)] : this.findings;
  }
}
