// Changes of groups that cross, by two processes of a store: what becomes of them is what some order of them one after
// the other would have become, and nothing that was confirmed is lost.

import { expect, test } from "bun:test";
import { entryKind } from "../../src/store/conversations.ts";
import type { GroupOutcome, GroupStore } from "../../src/store/groups.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import type { Store } from "../../src/store/store.ts";
import { Random, testSeed } from "../support/random.ts";
import { ampleMs, ConversationAsks } from "./conversation-asks.ts";
import type { GroupAsks } from "./group-asks.ts";
import { partsOf } from "./rights-stage.ts";
import { draft, ofTest, talk } from "./samples.ts";

/** How often each pair of changes crosses. */
const rounds = 12;

/** One of two processes. */
interface Side {
  readonly store: Store;
  readonly groups: GroupStore;
  readonly people: PeopleStore;
}

export function groupRacesTests(asks: GroupAsks): void {
  const { opened } = asks;
  const { log, send } = new ConversationAsks(opened);
  const of = (actor: string, group: string) => ({ app: ofTest.app, group, actor });
  const self = (account: string, group: string) => ({ ...of(account, group), account });
  const results = (outcomes: readonly { readonly result: string }[]): string =>
    outcomes
      .map(({ result }) => result)
      .toSorted()
      .join(" ");
  const membersOf = async (group: string): Promise<readonly string[] | undefined> =>
    (await opened.store.membership(ofTest.app, group))?.accounts.toSorted();
  const ownerOf = async (group: string, asker: string): Promise<string> => {
    const answer = await opened.store.groupDetail(ofTest.app, group, asker);
    return answer.result === "found" ? answer.detail.owner : answer.result;
  };

  /** Several rounds with a group of their own, each asked by either process, in either order, now and then late. */
  const crossing = async (
    name: string,
    members: readonly string[],
    round: (group: string, here: Side, there: Side, cross: Cross) => Promise<void>,
  ): Promise<void> => {
    const random = new Random(testSeed(name));
    const other = await opened.place.open();
    try {
      for (let number = 0; number < rounds; number++) {
        const group = `${ofTest.app} ${number}`;
        await opened.store.createGroup(draft({ id: group, members }));
        const sides = [opened.store, other].map((store): Side => ({ store, ...partsOf(store) }));
        const [here, there] = random.once(2) ? sides : sides.toReversed();
        if (here === undefined || there === undefined) throw new Error("there are two sides");
        await round(group, here, there, (one, two) => crossed(random, one, two));
      }
    } finally {
      await other.close();
    }
  };

  test("two admins who remove each other at the same moment both stay; by the owner one goes", async () => {
    await crossing("mutual removals", ["bob", "eve"], async (group, here, there, cross) => {
      for (const account of ["bob", "eve"])
        await here.groups.change({ ...of("ann", group), kind: "role", account, role: "admin" });
      const remove = (side: Side, actor: string, account: string) =>
        side.groups.remove({ ...of(actor, group), accounts: [account] });
      const mutual = await cross(
        () => remove(here, "bob", "eve"),
        () => remove(there, "eve", "bob"),
      );
      expect(mutual.map(([outcome]) => outcome?.result)).toEqual(["forbidden", "forbidden"]);
      // The owner demotes one while that one removes the member: both orders are right, but for what is confirmed.
      await here.store.join(self("joe", group));
      const [demoted, [removed]] = await cross(
        () => here.groups.change({ ...of("ann", group), kind: "role", account: "bob", role: "member" }),
        () => remove(there, "bob", "joe"),
      );
      expect(demoted.result).toBe("stored");
      const isGone = removed?.result === "stored";
      if (!isGone) expect(removed?.result).toBe("forbidden");
      expect(await membersOf(group)).toEqual(isGone ? ["ann", "bob", "eve"] : ["ann", "bob", "eve", "joe"]);
    });
  });

  test("of fifty who use an invitation that is left for some, exactly these join", async () => {
    await crossing("the last invitation", [], async (group, here, there) => {
      const members = ["ann"];
      for (const uses of [1, 7]) {
        const code = `${group} code ${uses}`;
        await here.groups.invite({ ...of("ann", group), code, uses, validSeconds: ampleMs / 1_000 });
        const names = Array.from({ length: 50 }, (_, i) => `m${uses} ${i}`);
        const outcomes = await Promise.all(
          names.map((name, i) => (i % 2 === 0 ? here : there).groups.joinInvited(ofTest.app, name, code)),
        );
        expect(outcomes.filter(({ result }) => result === "stored")).toHaveLength(uses);
        expect(outcomes.filter(({ result }) => result === "notFound")).toHaveLength(50 - uses);
        members.push(...names.filter((_, i) => outcomes[i]?.result === "stored"));
      }
      expect(await membersOf(group)).toEqual(members.toSorted());
      expect(await here.groups.invitations(of("ann", group))).toMatchObject({ items: [] });
    });
  });

  test("a transfer to who leaves at the same moment: the group has an owner who is a member", async () => {
    await crossing("transfer and quit", ["bob", "eve"], async (group, here, there, cross) => {
      const [given, left] = await cross<GroupOutcome, { result: string }>(
        () => here.groups.change({ ...of("ann", group), kind: "transfer", account: "bob" }),
        () => there.store.quit(self("bob", group)),
      );
      expect(left.result).toBe("changed");
      expect(["stored", "noMember"]).toContain(given.result);
      // Given first: then the longest member, ann again, inherits, and is no admin besides.
      expect(await ownerOf(group, "eve")).toBe("ann");
      expect(await membersOf(group)).toEqual(["ann", "eve"]);
      const page = await here.groups.members({
        ...{ app: ofTest.app, group, asker: "ann", after: "", limit: 9 },
        isAdminsOnly: true,
      });
      expect(page).toMatchObject({ items: [{ account: "ann", role: "owner" }] });
    });
  });

  test("a group that is dismissed while a thousand talk: what was confirmed is before its end", async () => {
    const other = await opened.place.open();
    const members = Array.from({ length: 100 }, (_, i) => `m${i}`);
    await asks.made(...members);
    const talks = Array.from({ length: 1_000 }, async (_, i) => {
      await Bun.sleep(i % 20);
      const sender = members[i % members.length] ?? "";
      const [outcome] = await (i % 2 === 0 ? opened.store : other).append([
        talk({ sender, toGroup: true, dest: "g1", body: `${i}` }),
      ]);
      return outcome;
    });
    await Bun.sleep(8);
    const ended = await partsOf(other).groups.change({ ...of("ann", "g1"), kind: "dismiss" });
    if (ended.result !== "stored") throw new Error(`expected stored, got ${ended.result}`);
    const outcomes = await Promise.all(talks);
    const ids = outcomes.flatMap((outcome) => (outcome?.result === "stored" ? [outcome.messageId] : []));
    expect(outcomes.filter((outcome) => outcome?.result === "notFound").length).toBe(1_000 - ids.length);
    for (const id of ids) expect(id).toBeLessThan(ended.version);
    const { entries } = await log("m1", { includeSent: true });
    expect(entries.filter(({ kind }) => kind === entryKind.message).map(({ messageId }) => messageId)).toEqual(
      ids.toSorted((one, two) => (one < two ? -1 : 1)),
    );
    expect(entries.at(-1)).toMatchObject({ messageId: ended.version, kind: entryKind.groupDismissed });
    await other.close();
  }, 60_000);

  test("a block while the blocked one talks: what is stored is before it, and nothing after", async () => {
    await crossing("block and talk", [], async (group, here, there, cross) => {
      const [one, two] = [`${group} one`, `${group} two`];
      await send(one, two);
      const [outcomes, blocked] = await cross(
        async () => {
          const found: string[] = [];
          for (let i = 0; i < 6; i++) {
            const [outcome] = await here.store.append([talk({ sender: one, dest: two })]);
            found.push(outcome?.result === "stored" ? `${outcome.messageId}` : (outcome?.result ?? ""));
          }
          return found;
        },
        () => there.people.block({ app: ofTest.app, account: two, blocked: one, isOff: false }),
      );
      if (blocked.result !== "stored") throw new Error(`expected stored, got ${blocked.result}`);
      const firstRefused = outcomes.indexOf("unwilling");
      const before = firstRefused < 0 ? outcomes : outcomes.slice(0, firstRefused);
      for (const id of before) expect(BigInt(id)).toBeLessThan(blocked.version);
      expect(outcomes.slice(before.length)).toEqual(outcomes.slice(before.length).map(() => "unwilling"));
      expect((await opened.indexOf(two, { after: 1n })).slice(1).map(({ messageId }) => `${messageId}`)).toEqual(
        before,
      );
    });
  });

  test("two answers to one request: one does it, the other finds it done", async () => {
    await crossing("answers", ["bob"], async (group, here, there, cross) => {
      await here.groups.change({ ...of("ann", group), kind: "role", account: "bob", role: "admin" });
      await here.groups.change({ ...of("ann", group), kind: "update", hasApproval: true });
      const answer = (side: Side, actor: string, account: string, isAccepted: boolean) =>
        side.groups.answer({ ...of(actor, group), account, isAccepted });
      for (const account of ["eve", "joe"]) await here.groups.request({ ...of(account, group), text: "" });
      const both = await cross(
        () => answer(here, "ann", "eve", true),
        () => answer(there, "bob", "eve", true),
      );
      expect(results(both)).toBe("stored unchanged");
      const [accepted, declined] = await cross(
        () => answer(here, "ann", "joe", true),
        () => answer(there, "bob", "joe", false),
      );
      // Declined first: there is no request any more. Accepted first: the same.
      expect(results([accepted, declined])).toBe("notFound stored");
      expect(await membersOf(group)).toEqual(
        accepted.result === "stored" ? ["ann", "bob", "eve", "joe"] : ["ann", "bob", "eve"],
      );
    });
  });

  test("a pin and the recall of its message: nothing that was recalled stays pinned", async () => {
    await crossing("pin and recall", ["bob"], async (group, here, there, cross) => {
      const messageId = await send("bob", `@${group}`);
      const [pinned, recalled] = await cross<GroupOutcome, { result: string }>(
        () => here.groups.pin({ app: ofTest.app, actor: "ann", toGroup: true, dest: group, messageId, isOff: false }),
        () => there.store.change({ kind: "recall", app: ofTest.app, actor: "bob", messageId, windowMs: ampleMs }),
      );
      expect(recalled.result).toBe("stored");
      expect(["stored", "notFound"]).toContain(pinned.result);
      expect(await asks.pinned("ann", `@${group}`)).toEqual([]);
    });
  });

  test("a role and the removal of its account: nobody comes back as an admin", async () => {
    await crossing("role and removal", ["bob"], async (group, here, there, cross) => {
      const [given, [removed]] = await cross(
        () => here.groups.change({ ...of("ann", group), kind: "role", account: "bob", role: "admin" }),
        () => there.groups.remove({ ...of("ann", group), accounts: ["bob"] }),
      );
      expect(removed?.result).toBe("stored");
      expect(["stored", "noMember"]).toContain(given.result);
      await here.store.join(self("bob", group));
      const renamed = await there.groups.change({ ...of("bob", group), kind: "update", name: "x" });
      expect(renamed.result).toBe("forbidden");
    });
  });

  test("the last member leaves while somebody joins: the group ends, or has a new owner", async () => {
    await crossing("the last one leaves", [], async (group, here, there, cross) => {
      const [left, joined] = await cross(
        () => here.store.quit(self("ann", group)),
        () => there.store.join(self("bob", group)),
      );
      expect(left.result).toBe("changed");
      expect(["changed", "notFound"]).toContain(joined.result);
      expect(await membersOf(group)).toEqual(joined.result === "changed" ? ["bob"] : undefined);
      if (joined.result === "changed") expect(await ownerOf(group, "bob")).toBe("bob");
    });
  });

  test("the last owner leaves while it adds somebody: both in some order", async () => {
    await crossing("leaving and adding", [], async (group, here, there, cross) => {
      const [left, { outcomes }] = await cross(
        () => here.store.quit(self("ann", group)),
        () => there.groups.add({ ...of("ann", group), accounts: ["bob", "eve"] }),
      );
      expect(left.result).toBe("changed");
      const isAdded = outcomes[0]?.result === "stored";
      if (!isAdded) expect(outcomes).toEqual([{ result: "notFound" }]);
      expect(await membersOf(group)).toEqual(isAdded ? ["bob", "eve"] : undefined);
      if (isAdded) expect(await ownerOf(group, "eve")).toBe("bob");
    });
  });

  test("a dismissal and a transfer: one of them finds who owned it", async () => {
    await crossing("dismissal and transfer", ["bob"], async (group, here, there, cross) => {
      const both = await cross(
        () => here.groups.change({ ...of("ann", group), kind: "dismiss" }),
        () => there.groups.change({ ...of("ann", group), kind: "transfer", account: "bob" }),
      );
      const [dismissed, given] = both.map(({ result }) => result);
      expect([
        ["stored", "notFound"],
        ["forbidden", "stored"],
      ]).toContainEqual([dismissed ?? "", given ?? ""]);
      expect(await ownerOf(group, "bob")).toBe(given === "stored" ? "bob" : "notFound");
    });
  });
}

/** Asks two things at the same moment, or one a little later. */
type Cross = <One, Two>(one: () => Promise<One>, two: () => Promise<Two>) => Promise<[One, Two]>;

async function crossed<One, Two>(
  random: Random,
  one: () => Promise<One>,
  two: () => Promise<Two>,
): Promise<[One, Two]> {
  const late = (): Promise<void> => (random.once(3) ? Bun.sleep(random.below(3)) : Promise.resolve());
  if (random.once(2)) {
    const [b, a] = await Promise.all([late().then(two), late().then(one)]);
    return [a, b];
  }
  return Promise.all([late().then(one), late().then(two)]);
}
