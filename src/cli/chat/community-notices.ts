// Tells a person what happens to groups, and what this account has set, on whatever device.

import { namedText } from "../../base/printable.ts";
import type { AccountSettings, CommunityEvents, GroupChange } from "../../sdk/community/community-types.ts";
import { Community } from "../../sdk/community/community.ts";
import type { Messenger } from "../../sdk/messenger/messenger.ts";
import { accountText, bodyText, nameList } from "./format.ts";
import { groupSentence } from "./group-sentences.ts";
import { isSame } from "./partners.ts";
import type { Talk } from "./talk.ts";

/** The most changes of groups that are shown after an absence: the last ones. */
const missedMax = 20;

interface Own {
  readonly blocked: ReadonlySet<string>;
  readonly settings: AccountSettings;
  readonly name: string;
}

export class CommunityNotices {
  private readonly talk: () => Talk | undefined;
  private readonly show: (work: () => Promise<void>) => void;
  /** What happened while this device was away; undefined while it is not. */
  private missed: GroupChange[] | undefined = [];
  private missedCount = 0;
  /** What was shown last, or read first. */
  private own: Own | undefined;

  /** `show` runs its work after all earlier output. */
  constructor(talk: () => Talk | undefined, show: (work: () => Promise<void>) => void) {
    this.talk = talk;
    this.show = show;
  }

  /** Begins with a new client; `redraw` shows the prompt anew. */
  start(client: Messenger, redraw: () => void): void {
    const community = Community.of(client);
    community.on("groupChanged", (change) => this.changed(change));
    community.on("messagePinned", (pin) => this.show(() => this.pinned(pin)));
    community.on("joinRequested", (asked) => this.show(() => this.asked(asked)));
    community.on("joinAnswered", (answer) => this.show(() => this.answered(answer)));
    community.on("profilesChanged", ({ accounts }) => this.talk()?.view.renamed(accounts));
    community.on("groupsChanged", ({ groups }) => {
      this.talk()?.noteGroups(groups);
      redraw();
    });
    community.on("typing", ({ partner }) => {
      if (isSame(partner, this.talk()?.partner)) redraw();
    });
    // What is read first is no change. If it is refused, the next sign-in reads it.
    const begin = (): void =>
      void community.ready().then(
        () => {
          this.own ??= ownOf(community);
        },
        () => undefined,
      );
    begin();
    client.on("online", begin);
    community.on("accountChanged", () => {
      if (this.own !== undefined) this.show(() => this.ownChanged(community));
    });
  }

  away(): void {
    this.missed ??= [];
  }

  /** What was missed has come. */
  back(): void {
    const { missed = [], missedCount } = this;
    this.missed = undefined;
    this.missedCount = 0;
    const left = missedCount - missed.length;
    if (left > 0)
      this.show(async () =>
        this.talk()?.screen.print(`* ${left.toLocaleString("en-US")} earlier changes of groups are not shown`),
      );
    for (const change of missed) this.show(() => this.tell(change, true));
  }

  private changed(change: GroupChange): void {
    // Also of a change that is not shown.
    if (change.fields.includes("name")) this.talk()?.names.renamed(change.group);
    if (this.talk()?.isDoneHere(change) === true) return;
    if (this.missed === undefined) return this.show(() => this.tell(change));
    this.missedCount++;
    this.missed.push(change);
    if (this.missed.length > missedMax) this.missed.shift();
  }

  /** `isLate`: the texts and settings of now are not those that the change has made. */
  private async tell(change: GroupChange, isLate = false): Promise<void> {
    const talk = this.talk();
    if (talk === undefined) return;
    const { messenger, names, community, screen } = talk;
    const me = messenger.account;
    const { group, kind, accounts } = change;
    const isOut = kind === "dismissed" || ((kind === "left" || kind === "removed") && accounts.includes(me));
    const isTextNeeded = !isLate && !isOut && (kind === "updated" || kind === "settings");
    const detail = isTextNeeded
      ? await community
          .group(group)
          .detail()
          .catch(() => undefined)
      : undefined;
    if (detail !== undefined) names.learn(group, detail.name);
    const name = await names.shownName(group);
    await screen.print(groupSentence(change, { me, name, detail }));
    // It stays the current conversation: a line that is being typed must not go elsewhere, or be lost.
    if (isOut) names.forget(group);
  }

  private async pinned({ partner, messageId, actor, isPinned }: CommunityEvents["messagePinned"]): Promise<void> {
    const talk = this.talk();
    if (talk === undefined) return;
    const { messenger, shown, screen, names } = talk;
    const number = shown.get(messageId)?.number ?? 0;
    const who = actor === messenger.account ? "you" : namedText(actor);
    const what = number === 0 ? "an earlier message" : `#${number}`;
    const where = isSame(partner, talk.partner) ? "" : ` in ${await names.ofPartner(partner)}`;
    await screen.print(`* ${who} ${isPinned ? "pinned" : "unpinned"} ${what}${where} for everybody`);
  }

  private async asked({ group, request, isWithdrawn }: CommunityEvents["joinRequested"]): Promise<void> {
    const talk = this.talk();
    if (talk === undefined) return;
    const { account, text } = request;
    const name = await talk.names.shownName(group);
    const why = text === "" ? "" : `: ${bodyText(text)}`;
    await talk.screen.print(
      isWithdrawn
        ? `* ${namedText(account)} does not ask to join ${name} any more`
        : `* ${namedText(account)} asks to join ${name} (/group accept or /group decline)${why}`,
    );
  }

  private async answered({ group, isAccepted }: CommunityEvents["joinAnswered"]): Promise<void> {
    const talk = this.talk();
    // Of an acceptance, the entry tells: it names who answered.
    if (talk === undefined || isAccepted) return;
    await talk.screen.print(`* your request to join ${await talk.names.shownName(group)} was declined`);
  }

  private async ownChanged(community: Community): Promise<void> {
    const { own } = this;
    const now = ownOf(community);
    this.own = now;
    const screen = this.talk()?.screen;
    if (own === undefined || screen === undefined) return;
    const added = [...now.blocked].filter((account) => !own.blocked.has(account));
    const ended = [...own.blocked].filter((account) => !now.blocked.has(account));
    if (added.length > 0) await screen.print(`* you blocked ${nameList(added)}`);
    if (ended.length > 0) await screen.print(`* you do not block ${nameList(ended)} any more`);
    const { write, add } = now.settings;
    if (write !== own.settings.write || add !== own.settings.add) await screen.print(allowLine(now.settings));
    if (now.name !== own.name) await screen.print(nameLine(community));
  }
}

/** Formats who may write to this account, and add it to groups. */
export function allowLine({ write, add }: AccountSettings): string {
  return `* who may write to you: ${consents[write]}; who may add you to groups: ${consents[add]}`;
}

/** Formats how others see this account. */
export function nameLine({ profile: { account, name } }: Community): string {
  return name === ""
    ? "* you have no name: others see your account"
    : `* others see you as ${accountText(account, name)}`;
}

const consents = {
  everybody: "everybody",
  conversations: "those whom you have a conversation with",
  nobody: "nobody",
} as const;

function ownOf(community: Community): Own {
  return { blocked: community.blocked, settings: community.settings, name: community.profile.name };
}
