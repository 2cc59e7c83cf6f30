import { expect, test } from "bun:test";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { location } from "./locations.ts";
import { sessionsSuite } from "./sessions-suite.ts";

sessionsSuite("sessions in memory", async (limits) => {
  // One process has one opening.
  const sessions = new MemorySessions(limits);
  return { open: () => Promise.resolve(sessions), remove: () => Promise.resolve() };
});

test("locates without a promise and without copying", async () => {
  const sessions = new MemorySessions();
  await sessions.put("app", "ann", location());
  const [first] = sessions.locate("app", ["ann"]);
  const [again, nobody, nobodyElse] = sessions.locate("app", ["ann", "bob", "cy"]);
  expect(again).toBe(first);
  expect(nobody).toBe(nobodyElse);
  expect(Object.isFrozen(nobody)).toBe(true);
});

test("a listener may change sessions while it is called", async () => {
  const sessions = new MemorySessions();
  const back = location({ gateway: "gw2" });
  let returned: Promise<unknown> | undefined;
  sessions.watchPresence({
    online() {},
    offline: (app, account) => {
      returned = sessions.put(app, account, back);
    },
  });
  await sessions.put("app", "ann", location({ gateway: "gw1" }));
  await sessions.removeGateway("gw1");
  expect(await returned).toEqual({ result: "put", replaced: undefined });
  expect(sessions.locate("app", ["ann"])).toEqual([[back]]);
});

test("a gateway's link that breaks takes its sessions at once: nobody else could renew", async () => {
  const sessions = new MemorySessions();
  await sessions.put("app", "ann", location({ gateway: "gw1", incarnation: "i1" }));
  await sessions.put("app", "bob", location({ gateway: "gw1", incarnation: "i2" }));
  expect(await sessions.renew([{ gateway: "gw1", incarnation: "i1" }])).toEqual([]);
  await sessions.suspect("gw1", "i1");
  const [ofAnn, ofBob] = sessions.locate("app", ["ann", "bob"]);
  expect(ofAnn).toEqual([]);
  expect(ofBob).toHaveLength(1);
});
