// Groups and people of the store of src/store/store.ts as a process has it, with a simulated database behind it: what
// the clients of simulations ask for.

import type { GroupStore } from "../../src/store/groups.ts";
import type { MediaStore } from "../../src/store/media.ts";
import type { PeopleStore } from "../../src/store/people.ts";
import type { Database } from "./database.ts";

/** Asks the database of an app. */
export type Ask = <Answer>(app: string, handle: (database: Database) => Answer | Promise<Answer>) => Promise<Answer>;

export class GroupsClient implements GroupStore {
  readonly change: GroupStore["change"];
  readonly add: GroupStore["add"];
  readonly remove: GroupStore["remove"];
  readonly joinInvited = unused;
  readonly invite = unused;
  readonly revokeInvitation = unused;
  readonly invitations = unused;
  readonly request = unused;
  readonly withdraw = unused;
  readonly requests = unused;
  readonly answer = unused;
  readonly pin = unused;
  readonly pinned = unused;
  readonly groups = unused;
  readonly members = unused;
  readonly beginningWith = unused;

  constructor(ask: Ask, node: number) {
    this.change = (change) => ask(change.app, (database) => database.changeGroup(change, node));
    this.add = (request) => ask(request.app, (database) => database.addMembers(request, node));
    this.remove = (request) => ask(request.app, (database) => database.removeMembers(request, node));
  }
}

export class MediaClient implements MediaStore {
  readonly promise = unused;
  readonly useOf = unused;
  readonly own = unused;
  readonly complete = unused;
  readonly ofMessage = unused;
  readonly forget = unused;

  gone(): Promise<readonly []> {
    return Promise.resolve([]);
  }
}

export class PeopleClient implements PeopleStore {
  readonly block: PeopleStore["block"];
  readonly mayTalk: PeopleStore["mayTalk"];
  readonly watchable: PeopleStore["watchable"];
  readonly guardVersion: PeopleStore["guardVersion"];
  readonly blocksAfter: PeopleStore["blocksAfter"];
  readonly markSeen: PeopleStore["markSeen"];
  readonly lastSeen: PeopleStore["lastSeen"];
  readonly blocked = unused;
  readonly setConsent = unused;
  readonly consent = unused;
  readonly setProfile = unused;
  readonly profiles = unused;

  constructor(ask: Ask, node: number) {
    this.block = (change) => ask(change.app, (database) => database.block(change, node));
    this.mayTalk = ({ app, account, ...name }) => ask(app, ({ people }) => people.talkAnswer(account, name));
    this.watchable = (app, account, accounts) =>
      ask(app, ({ people }) => {
        const allowed = accounts.filter((each) => people.mayWatch(account, each));
        return { allowed, decided: accounts.length, looked: 0 };
      });
    this.guardVersion = () => ask(anyApp, ({ people }) => people.guardVersion);
    this.blocksAfter = (after, limit) => ask(anyApp, ({ people }) => people.blocksAfter(after, limit));
    this.markSeen = (marks) => ask(anyApp, ({ people }) => people.markSeen(marks));
    this.lastSeen = (app, accounts) => ask(app, ({ people }) => people.lastSeen(accounts));
  }
}

/** Simulations in which anybody blocks have one app. */
const anyApp = "app";

const unused = (): Promise<never> => Promise.reject(new Error("no client of a simulation asks for this"));
