// The content of the kept stores: several apps, direct and group talks, members who left and came back, cursors,
// clientIds, kicks and revocations.

import type { Store, Talk } from "../../../src/store/store.ts";
import { draft, stored, talk } from "../samples.ts";

/** Who has something in a kept store. `nobody` has not. */
export const keptAccounts: readonly (readonly [app: string, account: string])[] = [
  ["shop", "ann"],
  ["shop", "bob"],
  ["shop", "cid"],
  ["shop", "dan"],
  ["shop", "李雷"],
  ["shop", "nobody"],
  ["games", "ann"],
  ["games", "bob"],
];

export const keptDevices: readonly string[] = ["", "phone"];

/** Groups and their apps. The members of `wide` are many; `gone` has none left; `none` never was. */
export const keptGroups: readonly (readonly [app: string, group: string])[] = [
  ["shop", "open"],
  ["shop", "closed"],
  ["shop", "gone"],
  ["shop", "wide"],
  ["shop", "none"],
  ["games", "open"],
];

/** Talks that have a clientId, in the order in which they were stored. */
export const keyedTalks: readonly Talk[] = [
  talk({ app: "shop", sender: "ann", dest: "bob", body: "keyed, to bob", clientId: "k1" }),
  talk({ app: "shop", sender: "bob", dest: "ann", body: "keyed, to ann", clientId: "k1" }),
  talk({ app: "shop", sender: "ann", dest: "ann", type: -7, body: "", extra: '{"to":"myself"}', clientId: "k2" }),
  talk({ app: "games", sender: "ann", dest: "bob", body: "größer 漢字 😀", clientId: "k1" }),
  talk({ app: "shop", sender: "bob", toGroup: true, dest: "open", body: "keyed, to a group", clientId: "k3" }),
];

/** Writes all of it. Between the parts `pause` is called, so that the index is written in several runs. */
export async function writeContent(store: Store, pause: () => Promise<void>): Promise<void> {
  const ids: bigint[] = [];
  const say = async (change: Partial<Talk>): Promise<void> => {
    ids.push(stored((await store.append([talk({ app: "shop", ...change })]))[0]).messageId);
  };
  const group = (actor: string, id: string, account: string) => ({ app: "shop", group: id, actor, account });
  await store.createGroup(
    draft({ app: "shop", id: "open", name: "größer 漢字", owner: "ann", members: ["bob", "cid"] }),
  );
  await store.createGroup(draft({ app: "shop", id: "closed", owner: "bob", members: ["ann"], closed: true }));
  await store.createGroup(draft({ app: "shop", id: "gone", owner: "cid", avatar: "", introduction: "" }));
  const many = Array.from({ length: 150 }, (_, number) => `member ${number}`);
  await store.createGroup(draft({ app: "shop", id: "wide", owner: "dan", members: [...many, "bob"] }));
  await store.createGroup(draft({ app: "games", id: "open", owner: "bob", members: ["ann"] }));
  for (let round = 0; round < 6; round++) {
    for (let number = 0; number < 6; number++) {
      await say({ sender: "ann", dest: "bob", body: `${round}.${number} to bob`, type: number });
      await say({ sender: "bob", dest: "ann", body: `${round}.${number} to ann`, extra: `extra ${number}` });
      await say({ sender: "bob", toGroup: true, dest: "open", body: `${round}.${number} to the group` });
    }
    await say({ sender: "cid", dest: "李雷", body: "你好" });
    await say({ sender: "dan", toGroup: true, dest: "wide", body: `round ${round}` });
    await say({ app: "games", sender: "bob", dest: "ann", body: `games, round ${round}` });
    await say({ app: "games", sender: "ann", toGroup: true, dest: "open", body: `games, round ${round}` });
    // dan comes and goes, cid is removed, and everybody leaves one group.
    if (round === 1) await store.join(group("dan", "open", "dan"));
    if (round === 2) await store.quit(group("ann", "open", "cid"));
    if (round === 2) await say({ sender: "cid", toGroup: true, dest: "gone", body: "the last words" });
    if (round === 3) await store.quit(group("dan", "open", "dan"));
    if (round === 3) await store.quit(group("cid", "gone", "cid"));
    if (round === 4) await store.join(group("dan", "open", "dan"));
    if (round === 4) await store.quit(group("ann", "open", "ann"));
    if (round === 4) await store.quit(group("bob", "wide", "bob"));
    await pause();
  }
  await store.append(keyedTalks);
  await say({ sender: "ann", dest: "bob", body: "x".repeat(16 * 1024) });
  await store.acknowledge("shop", "bob", "", ids[20] ?? 0n);
  await store.acknowledge("shop", "bob", "phone", ids[60] ?? 0n);
  await store.acknowledge("shop", "ann", "phone", ids.at(-2) ?? 0n);
  await store.acknowledge("games", "ann", "", ids[40] ?? 0n);
  const cut = { app: "shop", beforeMs: 1_795_000_000_000 };
  await store.revoke({ ...cut, account: "bob", kind: "kick", device: "phone" });
  await store.revoke({ ...cut, account: "cid", kind: "kick", device: undefined });
  await store.revoke({ ...cut, account: "cid", kind: "revoke", device: undefined });
  await store.revoke({ ...cut, app: "games", account: "bob", kind: "revoke", device: undefined });
}
