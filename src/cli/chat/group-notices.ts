// What a person is told of groups.

import { namedText } from "../../base/printable.ts";
import type { ClientEvents } from "../../sdk/client-options.ts";
import { nameList } from "./format.ts";

/** Shows a sentence that names a group. */
type Tell = (group: string, sentence: (name: string) => string) => void;

/** Returns handlers that tell of each event of a group; `isMe` knows the signed-in account. */
export function groupNotices(tell: Tell, isMe: (account: string) => boolean) {
  return {
    groupCreated: ({ group, members }: ClientEvents["groupCreated"]): void =>
      tell(group, (name) => `* you are in a new group ${name} with ${nameList(members)}`),
    groupJoined: ({ group, account }: ClientEvents["groupJoined"]): void =>
      tell(group, (name) => (isMe(account) ? `* you are in group ${name}` : `* ${namedText(account)} joined ${name}`)),
    groupQuit: ({ group, account }: ClientEvents["groupQuit"]): void =>
      tell(group, (name) =>
        isMe(account) ? `* you are not in group ${name} any more` : `* ${namedText(account)} left ${name}`,
      ),
  };
}
