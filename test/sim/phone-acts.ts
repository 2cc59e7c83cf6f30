// What people do with the phones of a simulated cluster: they talk, hang up, join their group and leave it, and their
// phones die.

import type { Machines } from "./machines.ts";
import type { Phone } from "./phone.ts";
import type { Step } from "./phone-owner.ts";
import { accounts, group } from "./sim-people.ts";
import { PhoneWishes } from "./phone-wishes.ts";

export class PhoneActs {
  private readonly machines: Machines;
  private readonly wishes: PhoneWishes;
  /** Every joining and quitting, of all phones, in the order in which they were wanted. */
  private readonly steps: Step[];
  private readonly tell: (what: string) => void;
  private sayings = 0;

  /** Adds what people do to `steps`, which the caller owns and may add to as well. */
  constructor(machines: Machines, steps: Step[], tell: (what: string) => void) {
    this.machines = machines;
    this.steps = steps;
    this.tell = tell;
    this.wishes = new PhoneWishes(machines.random, tell);
  }

  /** Does one thing, or says up to three; runs on the machine of the phone. */
  act(phone: Phone): void {
    const turn = this.machines.random.below(120);
    if (turn < 10) {
      this.tell(`${phone.label} hangs up`);
      phone.hangUp(this.machines.random.once(2));
    } else if (turn < 13) {
      this.tell(`${phone.label} dies`);
      const isPowered = this.machines.random.once(2);
      this.machines.events.after(0, () => this.machines.kill(phone.machine, isPowered));
    } else if (turn < 22 && !["tablet", "watch"].includes(phone.device)) this.changeMember(phone);
    else if (turn < 30 && phone.hasFeature) this.signal(phone);
    else if (turn < 80 && phone.hasFeature) this.wishes.act(phone);
    else for (let count = 1 + this.machines.random.below(3); count > 0; count--) this.say(phone);
  }

  private say(phone: Phone): void {
    const { random } = this.machines;
    const toGroup = random.once(3);
    const dest = toGroup ? group : this.otherThan(phone.account);
    const name = `${phone.account}${phone.device}-${++this.sayings}`;
    const isLinked = phone.hasFeature && random.once(4);
    const answerable = phone.disk.known.values().filter((each) => each.toGroup === toGroup && each.dest === dest);
    phone.say({
      name,
      sender: phone.account,
      device: phone.device,
      toGroup,
      dest,
      mentions: isLinked ? [toGroup ? phone.account : dest] : [],
      replyTo: isLinked ? (answerable.toArray().at(-1)?.messageId ?? 0n) : 0n,
      sentMs: -1,
      answeredMs: -1,
      attempts: 0,
      channelId: "",
      messageId: undefined,
    });
  }

  /** Blocks somebody. */
  block(phone: Phone): void {
    this.wishes.block(phone);
  }

  private signal(phone: Phone): void {
    const { random } = this.machines;
    const toGroup = random.once(3);
    phone.signal(
      { toGroup, dest: toGroup ? group : this.otherThan(phone.account) },
      random.once(2) ? "typing" : "call",
    );
  }

  /**
   * Joins the group or leaves it, one thing after the other. Ann, who owns it, stays, and adds and removes others; so
   * does bob, who is one of the admins at times.
   */
  private changeMember(phone: Phone): void {
    if (phone.steps.length > 0) return;
    const isOther = phone.account === "ann" || (phone.account === "bob" && this.machines.random.once(2));
    const account = isOther ? this.otherThan(phone.account) : phone.account;
    const before = this.steps.findLast((each) => each.account === account && !each.isVoid);
    if (account === "ann" || (before !== undefined && before.answeredMs < 0)) return;
    const isJoin = before?.isJoin !== true;
    const step: Step = { group, account, isJoin, sentMs: -1, answeredMs: -1, attempts: 0, isVoid: false };
    this.tell(`${phone.label} wants that ${account} ${step.isJoin ? "joins" : "quits"}`);
    // Who never was a member cannot quit.
    this.steps.push(step);
    phone.step(step);
  }

  private otherThan(account: string): string {
    const others = accounts.filter((other) => other !== account);
    const other = others[this.machines.random.below(others.length)];
    if (other === undefined) throw new Error("nobody else is there");
    return other;
  }
}
