// An account's conversations: the names of its groups, and the last messages of each. The protocol has no list of
// groups: known are those with messages in the index, and those seen since the start.

import { namedText } from "../../base/printable.ts";
import { RequestRefused } from "../../sdk/client-errors.ts";
import type { RoostClient } from "../../sdk/roost-client.ts";
import type { MessageIndex } from "../../wire/gen/messages/message-index.ts";

/** The names of groups beyond this number are not cached. */
const namesMax = 2_000;

export class Conversations {
  private readonly client: RoostClient;
  /** By id. */
  private readonly names = new Map<string, string>();

  constructor(client: RoostClient) {
    this.client = client;
  }

  /** Returns a group's name for display, with its id if another group has the same name; the id without a name. */
  async shownName(id: string): Promise<string> {
    const name = await this.nameOf(id).catch(() => undefined);
    if (name === undefined || name === "") return namedText(id);
    const namesakes = [...this.names].filter(([other, theirs]) => theirs === name && other !== id);
    return namesakes.length === 0 ? namedText(name) : `${namedText(name)} ${namedText(id)}`;
  }

  /** Finds a group of this account by its id or name. Returns a sentence if none, or several, match. */
  async find(nameOrId: string): Promise<{ readonly id: string } | { readonly refusal: string }> {
    try {
      await this.nameOf(nameOrId);
      return { id: nameOrId };
    } catch (error) {
      if (!(error instanceof RequestRefused) || error.isTransient) throw error;
    }
    const found = (await this.groups()).filter(({ name }) => name === nameOrId);
    const [only] = found;
    if (only === undefined) return { refusal: `you are in no group ${namedText(nameOrId)}; /groups lists your groups` };
    if (found.length === 1) return { id: only.id };
    const ids = found.map(({ id }) => namedText(id)).join(", ");
    return { refusal: `${found.length} groups are named ${namedText(nameOrId)}; use an id: ${ids}` };
  }

  /** Returns the known groups of this account, sorted by name. */
  async groups(): Promise<{ readonly id: string; readonly name: string }[]> {
    const ids = new Set(this.names.keys());
    await this.walk(({ group }) => {
      if (group !== "") ids.add(group);
    });
    const groups: { id: string; name: string }[] = [];
    for (const id of ids) {
      try {
        groups.push({ id, name: await this.nameOf(id) });
      } catch (error) {
        if (!(error instanceof RequestRefused) || error.isTransient) throw error;
        // The account has left it.
        this.names.delete(id);
      }
    }
    return groups.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Removes a group that the account has left. */
  forget(id: string): void {
    this.names.delete(id);
  }

  /** Returns the last `count` entries of a conversation; unless `withNew`, only those that this device acknowledged. */
  async last(kind: "user" | "group", name: string, count: number, withNew: boolean): Promise<MessageIndex[]> {
    const [firstNew] = withNew ? [] : await this.client.index(0n, false);
    let recent: MessageIndex[] = [];
    await this.walk((entry) => {
      const { group, accountB, messageId, direction } = entry;
      const isOurs = kind === "group" ? group === name : group === "" && accountB === name;
      const isNew = direction !== 1 && firstNew !== undefined && messageId >= firstNew.messageId;
      if (!isOurs || isNew) return;
      recent.push(entry);
      if (recent.length > 2 * count) recent = recent.slice(-count);
    });
    return recent.slice(-count);
  }

  private async walk(visit: (entry: MessageIndex) => void): Promise<void> {
    for (let after = 1n; ;) {
      const page = await this.client.index(after, true);
      const last = page.at(-1);
      if (last === undefined || last.messageId <= after) return;
      for (const entry of page) visit(entry);
      after = last.messageId;
    }
  }

  private async nameOf(id: string): Promise<string> {
    const known = this.names.get(id);
    if (known !== undefined) return known;
    const { name } = await this.client.group(id);
    if (this.names.size < namesMax) this.names.set(id, name);
    return name;
  }
}
