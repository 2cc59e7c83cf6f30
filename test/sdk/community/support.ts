// Communities of messengers against the real server in this process; each ends with the test that began it.

import { Community, type CommunityEvents } from "../../../src/sdk/community/community.ts";
import type { Messenger as Server } from "../../support/messenger.ts";
import { type Device, device } from "../messenger/support.ts";

export interface Person extends Device {
  readonly community: Community;
  readonly account: string;
}

/** Signs in; `prepared` is called before. */
export async function person(
  server: Server,
  account: string,
  name = "phone",
  options: Parameters<typeof device>[3] = {},
  prepared: (community: Community) => void = () => undefined,
): Promise<Person> {
  const signedIn = await device(server, account, name, options, (client) => prepared(Community.of(client)));
  return { ...signedIn, community: Community.of(signedIn.client), account };
}

/** What comes of an event from now on. */
export function told<Name extends keyof CommunityEvents>({ community }: Person, name: Name): CommunityEvents[Name][] {
  const events: CommunityEvents[Name][] = [];
  community.on(name, (event) => void events.push(event));
  return events;
}

/** All pages together. */
export async function allOf<Page, Item>(
  pages: AsyncIterable<Page>,
  items: (page: Page) => readonly Item[],
): Promise<Item[]> {
  const found: Item[] = [];
  for await (const page of pages) found.push(...items(page));
  return found;
}
