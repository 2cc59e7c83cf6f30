// A process for tests, of Bun or Node: uses clients of the server at argv[2], with the tokens argv[3] and argv[4], and
// closes them in the middle of it. Prints what nobody has caught, and ends by itself.

import { Messenger } from "../../../src/sdk/messenger/messenger.ts";

const [, , url = "", token = "", other = ""] = process.argv;
for (const name of ["unhandledRejection", "uncaughtException"])
  process.on(name, (error: unknown) => console.log(name, error));
const quietly = (work: Promise<unknown>): void => void work.catch(() => undefined);

for (let round = 0; round < 25; round++) {
  const client = await Messenger.connect({ url, token, device: "ends" });
  const friend = await Messenger.connect({ url, token: other, device: "ends" });
  const to = client.conversation({ account: friend.account });
  for (const body of ["one", "two", "three"]) to.send({ body });
  quietly(friend.talkToUser(client.account, { body: "four" }));
  quietly(to.timeline().then((timeline) => timeline.loadBefore()));
  quietly(client.conversations.ready().then(() => client.conversations.loadMore()));
  quietly(to.history({ limit: 1 }).next());
  const work = [to.markRead(), to.pin(), to.mute(false), to.clear(1n), client.hideMessages([1n]), client.recall(1n)];
  for (const one of [...work, client.react(1n, "+1"), client.edit(1n, { body: "five" })]) quietly(one);
  if (round % 5 > 0) await new Promise((resolve) => setTimeout(resolve, round));
  await Promise.all(round % 2 === 0 ? [client.close(), friend.close(), client.close()] : [client.close()]);
  await friend.close();
}
console.log("over");
