// The names of an account's groups.

import { namedText } from "../../base/printable.ts";
import { RequestRefused } from "../../sdk/client-errors.ts";
import type { Partner } from "../../sdk/messenger/messenger-types.ts";

/** The names of groups beyond this number are not cached. */
const namesMax = 2_000;

export class GroupNames {
  private readonly ask: (id: string) => Promise<string>;
  private readonly listed: () => Promise<Iterable<string>>;
  /** By id. */
  private readonly names = new Map<string, string>();
  /** Groups that the account has left, as far as it was told: their names are still shown. */
  private readonly left = new Set<string>();

  /**
   * `ask` asks the server for the name of a group of this account, by its id; it rejects as requests do. `listed`
   * returns the ids of the account's groups, as far as the client can tell.
   */
  constructor(ask: (id: string) => Promise<string>, listed: () => Promise<Iterable<string>>) {
    this.ask = ask;
    this.listed = listed;
  }

  /** Names a conversation for display. */
  async ofPartner(partner: Partner): Promise<string> {
    return "account" in partner ? namedText(partner.account) : this.shownName(partner.group);
  }

  /** Returns a group's name for display, with its id if another group has the same name; the id without a name. */
  async shownName(id: string): Promise<string> {
    const name = this.names.get(id) ?? (await this.nameOf(id).catch(() => undefined));
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
    const found = (await this.all()).filter(({ name }) => name === nameOrId);
    const [only] = found;
    if (only === undefined) return { refusal: `you are in no group ${namedText(nameOrId)}; /groups lists your groups` };
    if (found.length === 1) return { id: only.id };
    const ids = found.map(({ id }) => namedText(id)).join(", ");
    return { refusal: `${found.length} groups are named ${namedText(nameOrId)}; use an id: ${ids}` };
  }

  /** Returns the listed groups of this account, and those seen since the start, by name. */
  async all(): Promise<{ readonly id: string; readonly name: string }[]> {
    const ids = new Set(this.names.keys());
    for (const id of await this.listed()) ids.add(id);
    const groups: { id: string; name: string }[] = [];
    for (const id of ids) {
      try {
        groups.push({ id, name: await this.nameOf(id) });
      } catch (error) {
        if (!(error instanceof RequestRefused) || error.isTransient) throw error;
        // The account has left it.
        this.names.delete(id);
        this.left.delete(id);
      }
    }
    return groups.toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** The account has left a group: it is found again once the server says that it is a member. */
  forget(id: string): void {
    if (this.names.has(id)) this.left.add(id);
  }

  /** A group has another name, which is asked for once it is needed. */
  renamed(id: string): void {
    this.names.delete(id);
    this.left.delete(id);
  }

  /** Notes a name that the server has told. */
  learn(id: string, name: string): void {
    if (this.names.size < namesMax || this.names.has(id)) this.names.set(id, name);
  }

  private async nameOf(id: string): Promise<string> {
    const known = this.names.get(id);
    if (known !== undefined && !this.left.has(id)) return known;
    const name = await this.ask(id);
    this.left.delete(id);
    this.learn(id, name);
    return name;
  }
}
