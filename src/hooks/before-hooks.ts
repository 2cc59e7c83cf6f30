// Asks back ends before messages are stored or edited, and before groups are changed. An app that has no before hook is
// not asked, and its messages wait for nobody.

import { createHash } from "node:crypto";
import { GenerationCache } from "../base/generation-cache.ts";
import type { ShownMessage } from "../store/hook-records.ts";
import type { Endpoint, HookStore } from "../store/hooks.ts";
import { type BeforeParts, BeforeQueue } from "./before-queue.ts";
import { allowed, type Verdict } from "./before-verdicts.ts";

/** Verdicts on messages with a clientId that are remembered: its repetition is the same message. */
const rememberedMax = 10_000;

/**
 * How long something waits for the store to say whom to ask. The store is asked every second; clients that try nothing
 * again talk to a node whose store has just come up.
 */
const knowledgeMs = 3_000;
/** What waits for that at a time; more is refused at once. With texts of the usual limit, 16 MiB. */
const waitingMax = 1_000;

/** The store has not answered: an endpoint may be set that would refuse. */
const unknown: Verdict = {
  isAllowed: false,
  isAnswered: false,
  sentence: "it is not known yet whether the app has to be asked, try again",
};

/** Another text of a message, by its author. */
interface AskedEdit {
  readonly app: string;
  readonly actor: string;
  readonly messageId: bigint;
  readonly body: string;
  readonly extra: string;
}

/** A message as a back end is asked about it. */
interface AskedTalk {
  readonly app: string;
  readonly sender: string;
  readonly toGroup: boolean;
  readonly dest: string;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly clientId: string;
  readonly mentions?: readonly string[];
  readonly replyTo?: bigint;
}

interface Parts extends BeforeParts {
  readonly store: Pick<HookStore, "records">;
}

export class BeforeHooks {
  private readonly parts: Parts;
  private readonly sends = new Map<string, BeforeQueue>();
  private readonly groups = new Map<string, BeforeQueue>();
  /** Resolved when the endpoints are known; undefined: they are. */
  private knowledge: PromiseWithResolvers<void> | undefined;
  private waiting = 0;
  private readonly remembered = new GenerationCache<Verdict>(rememberedMax);

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Takes the endpoints as they are now; the first one of an app is asked. Undefined: they are not known yet. */
  update(endpoints: readonly Endpoint[] | undefined): void {
    if (endpoints === undefined) {
      this.knowledge ??= Promise.withResolvers();
      return;
    }
    this.updateOf(
      this.sends,
      endpoints.filter(({ events }) => events.includes("before.send")),
    );
    this.updateOf(
      this.groups,
      endpoints.filter(({ events }) => events.includes("before.group")),
    );
    this.knowledge?.resolve();
    this.knowledge = undefined;
  }

  /** Whether messages of an app wait for an answer. */
  asksOfTalks(app: string): boolean {
    return this.knowledge !== undefined || (this.sends.size > 0 && this.sends.has(app));
  }

  asksOfGroups(app: string): boolean {
    return this.knowledge !== undefined || (this.groups.size > 0 && this.groups.has(app));
  }

  /** Resolves in the order in which the sender's messages came; never rejects. */
  async ofTalk(talk: AskedTalk): Promise<Verdict> {
    const { app, sender, toGroup, dest, type, body, extra, clientId, mentions = [], replyTo = 0n } = talk;
    const key = clientId === "" ? undefined : keyOf(talk);
    const known = key === undefined ? undefined : this.remembered.get(key);
    if (this.knowledge !== undefined && !(await this.becomeKnown(this.knowledge.promise))) return unknown;
    const queue = this.sends.get(app);
    if (queue === undefined) return allowed;
    const verdict = await queue.ask(sender, "before.send", {
      from: sender,
      ...(toGroup ? { group: dest } : { to: dest }),
      type,
      body,
      extra,
      ...(mentions.length === 0 ? {} : { mentions }),
      ...(replyTo === 0n ? {} : { replyTo: `${replyTo}` }),
    });
    // A repetition that was changed into another text would be taken for another message.
    if (known !== undefined && verdict.isAllowed) return known;
    if (key !== undefined && verdict.isAllowed) this.remembered.set(key, verdict);
    return verdict;
  }

  /**
   * Asks about an edit, among the messages of its author in their order. Nobody is asked about one that the store will
   * refuse, because the message is gone or somebody else's. Rejects with StoreUnavailable.
   */
  async ofEdit(edit: AskedEdit): Promise<Verdict> {
    if (this.knowledge !== undefined && !(await this.becomeKnown(this.knowledge.promise))) return unknown;
    const queue = this.sends.get(edit.app);
    if (queue === undefined) return allowed;
    return queue.ask(edit.actor, "before.send", this.editedMessage(edit));
  }

  /** The message as it would be; undefined if there is none that may be edited. */
  private async editedMessage(edit: AskedEdit): Promise<object | undefined> {
    const { app, actor, messageId, body, extra } = edit;
    const [record] = await this.parts.store.records([messageId]);
    if (record?.event !== "message.stored" || record.app !== app) return undefined;
    const {
      messageId: edits,
      from,
      to,
      group,
      type,
      mentions,
      replyTo,
      recalled,
    }: ShownMessage = JSON.parse(record.data);
    if (from !== actor || recalled === true) return undefined;
    return { from, to, group, type, body, extra, mentions, replyTo, edits };
  }

  /** Asks about a change of a group: a command, and who wants it; '' for a group that is to be created. */
  async ofGroup(app: string, by: string, command: string, group: string): Promise<Verdict> {
    if (this.knowledge !== undefined && !(await this.becomeKnown(this.knowledge.promise))) return unknown;
    const queue = this.groups.get(app);
    if (queue === undefined) return allowed;
    return queue.ask(by, "before.group", { by, command, ...(group === "" ? {} : { group }) });
  }

  /** Whether the endpoints become known in time. `known` resolves when they do. */
  private async becomeKnown(known: Promise<void>): Promise<boolean> {
    if (this.waiting === waitingMax) return false;
    this.waiting++;
    const over = Promise.withResolvers<void>();
    const cancel = this.parts.timers.after(knowledgeMs, over.resolve);
    await Promise.race([known, over.promise]);
    cancel();
    this.waiting--;
    return this.knowledge === undefined;
  }

  private updateOf(queues: Map<string, BeforeQueue>, endpoints: readonly Endpoint[]): void {
    const first = new Map(endpoints.toReversed().map((endpoint) => [endpoint.app, endpoint]));
    for (const [app, queue] of queues) queue.use(first.get(app));
    for (const [app, endpoint] of first) {
      if (queues.has(app)) continue;
      // What still waits for a removed endpoint would be overtaken by what comes next.
      queues.set(app, new BeforeQueue(endpoint, this.parts, () => void queues.delete(app)));
    }
  }
}

/**
 * The same for the same message alone: the verdict on another one with its clientId, which may have been stored
 * nowhere, says nothing about this one.
 */
function keyOf({ app, sender, toGroup, dest, type, body, extra, clientId, mentions, replyTo }: AskedTalk): string {
  const parts = [app, sender, toGroup, dest, type, body, extra, clientId, mentions ?? [], `${replyTo ?? 0n}`];
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}
