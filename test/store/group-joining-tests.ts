// What every store promises of how one becomes a member of a group by oneself: invitations, and requests to join
// (src/store/groups.ts).

import { expect, test } from "bun:test";
import { type LimitValues, limitValues } from "../../src/base/limits/table.ts";
import { entryKind } from "../../src/store/conversations.ts";
import type { GroupStore } from "../../src/store/groups.ts";
import { bound } from "../support/bounds.ts";
import { ampleMs } from "./conversation-asks.ts";
import { entryOf, type GroupAsks } from "./group-asks.ts";
import { draft, ofTest } from "./samples.ts";

const invitationsMax = limitValues().invitationsPerGroup;

export function groupJoiningTests(asks: GroupAsks): void {
  const { made, by, change, admin, members, opened } = asks;
  const of = (account: string, group = "g1") => ({ app: ofTest.app, group, actor: account, account });

  const invite = (actor: string, code: string, uses = 0, validSeconds = ampleMs / 1_000) =>
    asks.groups.invite({ ...by(actor), code, uses, validSeconds });
  const joinBy = async (account: string, code: string): Promise<string> =>
    (await asks.groups.joinInvited(ofTest.app, account, code)).result;

  test("an invitation joins also a closed group, as often as it says", async () => {
    await opened.store.createGroup(draft({ closed: true, members: ["bob"] }));
    const code = `${ofTest.app}-a`;
    expect((await invite("bob", code)).result).toBe("forbidden");
    expect(await invite("ann", code, 2)).toMatchObject({
      result: "stored",
      invitation: { code, usesLeft: 2, account: "ann" },
    });
    expect(await joinBy("ann", code)).toBe("unchanged");
    const joined = await asks.groups.joinInvited(ofTest.app, "eve", code);
    expect(joined).toMatchObject({
      result: "stored",
      group: "g1",
      entries: [{ entry: { kind: entryKind.groupJoined } }],
    });
    expect(await asks.groups.invitations(by("ann"))).toMatchObject({ items: [{ code, usesLeft: 1 }] });
    expect((await asks.groups.joinInvited(ofTest.otherApp, "joe", code)).result).toBe("notFound");
    expect(await joinBy("joe", code)).toBe("stored");
    expect(await joinBy("kim", code)).toBe("notFound");
    expect(await asks.groups.invitations(by("bob"))).toEqual({ result: "forbidden" });
    expect(await joinBy("kim", `${ofTest.app}-b`)).toBe("notFound");
  });

  test("an invitation ends when it is revoked, and with its maker's role", async () => {
    await made("bob");
    await admin("bob");
    const [one, two] = [`${ofTest.app}-1`, `${ofTest.app}-2`];
    await invite("bob", one);
    await invite("bob", two);
    expect(await asks.groups.revokeInvitation(by("ann"), one)).toEqual({ result: "stored" });
    expect(await asks.groups.revokeInvitation(by("ann"), one)).toEqual({ result: "unchanged" });
    expect(await joinBy("eve", one)).toBe("notFound");
    await change("ann", { kind: "role", account: "bob", role: "member" });
    expect(await joinBy("eve", two)).toBe("notFound");
    expect(await asks.groups.invitations(by("ann"))).toMatchObject({ items: [] });
  });

  test("who has used an invitation up, and was not answered, asks again", async () => {
    await made();
    const code = `${ofTest.app}-last`;
    await invite("ann", code, 1);
    expect(await joinBy("eve", code)).toBe("stored");
    expect(await joinBy("eve", code)).toBe("unchanged");
    expect(await joinBy("joe", code)).toBe("notFound");
    expect(await asks.groups.invitations(by("ann"))).toMatchObject({ items: [] });
    // It keeps no place, and making others does not end it.
    for (let i = 0; i < invitationsMax; i++) await invite("ann", `${code}-${i}`);
    expect(await joinBy("eve", code)).toBe("unchanged");
    await opened.store.quit(of("eve"));
    expect(await joinBy("eve", code)).toBe("notFound");
  });

  test("admins who are none any more leave no invitations behind", async () => {
    await made("bob");
    const inviteMany = async (actor: string): Promise<string[]> => {
      const results: string[] = [];
      for (let i = 0; i <= invitationsMax; i++)
        results.push((await invite(actor, `${ofTest.app}-${actor}-${i}`)).result);
      return results;
    };
    await admin("bob");
    expect((await inviteMany("bob")).at(-1)).toBe("full");
    await change("ann", { kind: "role", account: "bob", role: "member" });
    expect((await inviteMany("ann")).slice(-2)).toEqual(["stored", "full"]);
    await admin("bob");
    const kept = await asks.groups.invitations(by("ann"));
    expect(kept.result === "found" && kept.items.length).toBe(invitationsMax);
  });

  test("requests to join are for the admins to answer", async () => {
    await made("bob", "eve");
    await admin("bob");
    const request = (account: string, text = "please") => asks.groups.request({ ...by(account), text });
    expect(await request("joe")).toEqual({ result: "noApproval" });
    await change("ann", { kind: "update", hasApproval: true });
    expect(await opened.store.join(of("joe"))).toEqual({ result: "approval" });
    const asked = await request("joe");
    expect(asked.result === "stored" && asked.admins.toSorted()).toEqual(["ann", "bob"]);
    expect(await request("joe", "again")).toEqual({ result: "unchanged" });
    expect((await request("kim")).result).toBe("stored");
    expect(await asks.groups.requests(by("bob"), "", 1)).toMatchObject({
      items: [{ account: "joe", text: "again" }],
      hasMore: true,
    });
    expect(await asks.groups.requests(by("bob"), "joe", 1)).toMatchObject({
      items: [{ account: "kim" }],
      hasMore: false,
    });
    expect(await asks.groups.requests(by("eve"), "", 1)).toEqual({ result: "forbidden" });
    expect(await members("ann")).toMatchObject({ group: { requestCount: 2 } });
    expect(await members("eve")).toMatchObject({ group: { requestCount: 0 } });
    // A page of groups would count those of two hundred.
    expect((await asks.groups.groups(ofTest.app, "ann", "", 9)).items).toMatchObject([{ requestCount: 0 }]);
    const answer = (account: string, isAccepted: boolean, actor = "bob") =>
      asks.groups.answer({ ...by(actor), account, isAccepted });
    expect((await answer("joe", true, "eve")).result).toBe("forbidden");
    expect(entryOf(await answer("joe", true)).entry).toMatchObject({ actor: "bob", detail: { accounts: ["joe"] } });
    expect((await answer("joe", true)).result).toBe("unchanged");
    expect(await answer("kim", false)).toMatchObject({ result: "stored", entries: [] });
    expect((await answer("kim", false)).result).toBe("notFound");
    expect((await request("kim")).result).toBe("stored");
    expect((await asks.groups.withdraw(by("kim"))).result).toBe("stored");
    expect((await asks.groups.withdraw(by("kim"))).result).toBe("unchanged");
    await change("ann", { kind: "update", isClosed: true });
    expect(await request("kim")).toEqual({ result: "closed" });
  });

  /** Opens the store again with limits, for one test. */
  const limited = async (limits: Partial<LimitValues>, work: (groups: GroupStore) => Promise<void>): Promise<void> => {
    const store = await opened.place.open(limits);
    await work(store.groups);
    await store.close();
  };
  const invited = (count: number) =>
    limited({ invitationsPerGroup: 2 }, async (groups) => {
      await made();
      const results: string[] = [];
      for (let i = 0; i < count; i++)
        results.push(
          (await groups.invite({ ...by("ann"), code: `${ofTest.app}-${i}`, uses: 0, validSeconds: ampleMs / 1_000 }))
            .result,
        );
      expect(results).toEqual(Array.from({ length: count }, (_, i) => (i < 2 ? "stored" : "full")));
    });
  bound("invitationsPerGroup", { at: () => invited(2), above: () => invited(3) });
  const requested = (count: number) =>
    limited({ joinRequestsPerGroup: 2 }, async (groups) => {
      await made();
      await change("ann", { kind: "update", hasApproval: true });
      const results: string[] = [];
      for (let i = 0; i < count; i++) results.push((await groups.request({ ...by(`m${i}`), text: "" })).result);
      expect(results).toEqual(Array.from({ length: count }, (_, i) => (i < 2 ? "stored" : "full")));
    });
  bound("joinRequestsPerGroup", { at: () => requested(2), above: () => requested(3) });
  const requesting = (count: number) =>
    limited({ joinRequestsPerAccount: 2 }, async (groups) => {
      const results: string[] = [];
      for (let i = 0; i < count; i++) {
        await opened.store.createGroup(draft({ id: `g${i}` }));
        await asks.groups.change({ ...by("ann", `g${i}`), kind: "update", hasApproval: true });
        results.push((await groups.request({ ...by("bob", `g${i}`), text: "" })).result);
      }
      expect(results).toEqual(Array.from({ length: count }, (_, i) => (i < 2 ? "stored" : "full")));
    });

  test("requests to join a group that was dismissed count no more, before its housekeeping and after", async () => {
    await limited({ joinRequestsPerAccount: 1 }, async (groups) => {
      const ask = async (group: string): Promise<string> => {
        await opened.store.createGroup(draft({ id: group }));
        await groups.change({ ...by("ann", group), kind: "update", hasApproval: true });
        return (await groups.request({ ...by("bob", group), text: "" })).result;
      };
      expect(await ask("g1")).toBe("stored");
      expect(await ask("g2")).toBe("full");
      await groups.change({ ...by("ann", "g1"), kind: "dismiss" });
      expect(await ask("g3")).toBe("stored");
      await opened.place.tidyGroups?.();
      expect(await ask("g4")).toBe("full");
    });
  });

  bound("joinRequestsPerAccount", { at: () => requesting(2), above: () => requesting(3) });
}
