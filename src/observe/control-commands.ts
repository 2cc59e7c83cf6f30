// An operator's requests to a running process. They arrive over a Unix socket in the data folder, over a link (with the
// cluster's key) or over the registry's API. The transport decides who may ask; all transports carry the same texts:
//
//   request  {"command":"limits"} and the command's fields; at most controlRequestBytesMax
//   answer   {"answer":…} or {"error":"a sentence"}

import { type Fields, fieldsOf, ifWellFormed, jsonOf } from "../base/json-fields.ts";
import type { LimitRole } from "../base/limits/limit.ts";
import type { Limits } from "../base/limits/limits.ts";
import { type LimitRow, limitRows } from "../base/limits/report.ts";

/** A request's fields, unchecked. */
export type ControlFields = Fields;

/** Returns the answer, which is written as JSON. Throws ControlRefused; anything else is a bug. */
export type ControlCommand = (fields: ControlFields) => unknown;

/** The answer to `limits`. */
interface LimitsAnswer {
  readonly version: string;
  readonly role: LimitRole;
  readonly id: string;
  readonly limits: readonly LimitRow[];
}

/** The process refused a request, or could not answer it; the message is its sentence. */
export class ControlRefused extends Error {
  override readonly name = "ControlRefused";
}

/** The commands of one process. */
export class ControlCommands {
  private readonly commands: Map<string, ControlCommand>;
  private readonly bugMet: (bug: unknown) => void;

  /** `bugMet` receives what a command threw; the operator gets only a sentence. */
  constructor(commands: Readonly<Record<string, ControlCommand>>, bugMet: (bug: unknown) => void) {
    this.commands = new Map(Object.entries(commands));
    this.bugMet = bugMet;
  }

  /** Adds commands; they replace those of the same names. */
  add(commands: Readonly<Record<string, ControlCommand>>): void {
    for (const [name, command] of Object.entries(commands)) this.commands.set(name, command);
  }

  /** Answers a request; never rejects. */
  async obey(request: string): Promise<string> {
    const fields = ifWellFormed(() => fieldsOf(jsonOf(request, "request"), "request"));
    const name = fields?.["command"];
    if (fields === undefined || typeof name !== "string") return refusal('a request is {"command":"…"}');
    const command = this.commands.get(name);
    if (command === undefined)
      return refusal(`unknown command; this process knows ${[...this.commands.keys()].join(", ")}`);
    try {
      return JSON.stringify({ answer: await command(fields) });
    } catch (bug) {
      if (bug instanceof ControlRefused) return refusal(bug.message);
      this.bugMet(bug);
      return refusal("the command failed because of a bug; the process's log has more");
    }
  }
}

function withoutStore(): never {
  throw new ControlRefused(
    "this process has no message store, and so neither revocations nor bans nor keys; ask a chat node",
  );
}

/** Returns the commands that every process has; one with a message store adds those that need it. */
export function controlCommands(
  about: { readonly role: LimitRole; readonly id: string; readonly version: string; readonly limits: Limits },
  bugMet: (bug: unknown) => void,
): ControlCommands {
  const { role, id, version, limits } = about;
  return new ControlCommands(
    {
      limits: (): LimitsAnswer => ({ version, role, id, limits: limitRows(limits, role) }),
      kick: withoutStore,
      revoke: withoutStore,
      ban: withoutStore,
      unban: withoutStore,
      "key-create": withoutStore,
      "key-list": withoutStore,
      "key-revoke": withoutStore,
      ...Object.fromEntries(
        ["set", "remove", "list", "test", "dead", "replay"].map((name) => [`webhook-${name}`, withoutStore]),
      ),
    },
    bugMet,
  );
}

/** The text of a request. */
export function controlRequest(command: string, fields: ControlFields = {}): string {
  return JSON.stringify({ ...fields, command });
}

/** Reads an answer's text. Throws ControlRefused. */
export function controlAnswer(text: string): unknown {
  return answerIn(ifWellFormed(() => jsonOf(text, "answer")));
}

/** Reads an answer that was JSON. Throws ControlRefused. */
export function answerIn(value: unknown): unknown {
  const answer = ifWellFormed(() => fieldsOf(value, "answer"));
  if (answer !== undefined && "answer" in answer) return answer["answer"];
  const sentence = answer?.["error"];
  throw new ControlRefused(typeof sentence === "string" ? sentence : "the answer is malformed");
}

function refusal(sentence: string): string {
  return JSON.stringify({ error: sentence });
}
