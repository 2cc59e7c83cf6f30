// A member that the registry refuses says why, and registers as soon as it may.

import { afterEach, describe, expect, test } from "bun:test";
import { type LogFields, silentLog } from "../../src/base/log.ts";
import type { Registration } from "../../src/registry/client/naming.ts";
import { RegistrationRefused } from "../../src/registry/client/registration-loop.ts";
import { until } from "../../scripts/harness/until.ts";
import { closeAll } from "../link/support.ts";
import { HandNaming } from "../link/hand-naming.ts";
import { member, offer } from "./membership-support.ts";

afterEach(closeAll);

/** A registry that refuses as long as a test wants. */
class RefusingNaming extends HandNaming {
  refusal: RegistrationRefused | undefined = new RegistrationRefused(-401, "authorization: Bearer …");
  asked = 0;

  override register(registration: Registration) {
    this.asked++;
    return this.refusal === undefined ? super.register(registration) : Promise.reject(this.refusal);
  }
}

describe("a member that the registry refuses", () => {
  /** One that lets time pass when a test wants, and notes its errors. */
  function refusedMember() {
    const naming = new RefusingNaming();
    const errors: string[] = [];
    const planned: (() => void)[] = [];
    const log = {
      ...silentLog,
      error: (sentence: string, fields: LogFields = {}) => void errors.push(sentence, String(fields["reason"])),
    };
    const after = (_: number, action: () => void) => {
      planned.push(action);
      return () => void planned.splice(planned.indexOf(action), 1);
    };
    const { membership } = member(naming, undefined, [], undefined, { log, timers: { after } });
    return { naming, errors, planned, membership };
  }

  test("says why, and once, tries again, and is listed when the registry takes it", async () => {
    const { naming, errors, planned, membership } = refusedMember();
    const joined = membership.join([offer()], "young");
    expect(membership.trouble).toBe("no registry node has registered this process yet; check --discovery");
    for (const times of [1, 2]) {
      await until(() => planned.length === 1, `it waits the ${times}. time`);
      expect(naming.asked).toBe(times);
      expect(membership.isListed).toBe(false);
      expect(membership.trouble).toMatch(/^the registry refuses to register this process: .*--cluster-key-file/);
      if (times === 2) naming.refusal = undefined;
      planned[0]?.();
    }
    await joined;
    expect(membership.isListed).toBe(true);
    expect(membership.trouble).toBe("");
    expect(errors).toHaveLength(2);
    expect(errors[1]).toContain("--cluster-key-file");
  });

  test("shows the registry's own sentence where the key is not the reason", async () => {
    const { naming, planned, membership } = refusedMember();
    naming.refusal = new RegistrationRefused(-509, "there are 100000 instances");
    void membership.join([offer()], "young");
    await until(() => planned.length === 1, "it waits");
    expect(membership.trouble).toBe("the registry refuses to register this process: there are 100000 instances");
    await membership.leave();
  });

  test("leaves without waiting, and without an error", async () => {
    const { naming, errors, planned, membership } = refusedMember();
    const joined = membership.join([offer()], "young");
    await until(() => planned.length === 1, "it waits");
    await membership.leave();
    await joined;
    expect(planned).toEqual([]);
    expect(naming.asked).toBe(1);
    expect(errors).toHaveLength(2);
  });
});
