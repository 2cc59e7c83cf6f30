import { describe, expect, test } from "bun:test";
import { Admission, type AdmissionParts, type Admitted } from "../../src/transport/admission.ts";

/** A connection that remembers how it was ended, and is gone at once if it is not told why. */
class Peer implements Admitted {
  remoteAddress: string;
  ended: "told" | "untold" | undefined;
  private readonly admission: Admission;

  constructor(admission: Admission, remoteAddress: string) {
    this.admission = admission;
    this.remoteAddress = remoteAddress;
  }

  evict(isTold: boolean): void {
    this.ended = isTold ? "told" : "untold";
    if (!isTold) this.admission.leave(this);
  }
}

function admit(parts: Partial<AdmissionParts> = {}) {
  const met: string[] = [];
  const admission = new Admission({
    connectionsMax: 100,
    overflowMax: 0,
    unidentifiedMax: 100,
    unidentifiedPerAddressMax: 100,
    quotaOf: (address) => (address === "exempt" ? undefined : address.charAt(0)),
    met: (bound, address) => met.push(`${bound} ${address}`),
    ...parts,
  });
  const enter = (address = "a"): Peer => {
    const peer = new Peer(admission, address);
    if (!admission.enter(peer)) peer.ended = "untold";
    return peer;
  };
  return { admission, met, enter };
}

describe("an admission", () => {
  test("ends the stranger that has been silent for the longest time, and not the one that came first", () => {
    const { admission, enter, met } = admit({ unidentifiedMax: 3 });
    const [first, second, third] = [enter("a"), enter("b"), enter("c")];
    admission.heard(first);
    const fourth = enter("d");
    expect([first, second, third, fourth].map(({ ended }) => ended)).toEqual([undefined, "told", undefined, undefined]);
    admission.heard(third);
    enter("e");
    expect(first.ended).toBe("told");
    expect(met).toEqual(["unidentified b", "unidentified a"]);
  });

  test("does not count or end those who have shown who they are", () => {
    const { admission, enter } = admit({ unidentifiedMax: 1, unidentifiedPerAddressMax: 1 });
    const known = Array.from({ length: 5 }, () => {
      const peer = enter();
      admission.identified(peer);
      return peer;
    });
    const stranger = enter();
    enter();
    expect(known.every(({ ended }) => ended === undefined)).toBe(true);
    expect(stranger.ended).toBe("told");
    expect(admission.connections).toBe(7);
    // Who was evicted with a close frame is there until its peer ends, and is no stranger any more.
    expect(admission.unidentifiedCount).toBe(1);
  });

  test("ends the most silent one of an address that has too many, and nobody of another", () => {
    const { enter, met } = admit({ unidentifiedPerAddressMax: 2 });
    const other = enter("b");
    const [first, second, third] = [enter("a1"), enter("a2"), enter("a3")];
    expect([other, first, second, third].map(({ ended }) => ended)).toEqual([undefined, "told", undefined, undefined]);
    expect(met).toEqual(["unidentifiedPerAddress a1"]);
    const exempt = Array.from({ length: 10 }, () => enter("exempt"));
    expect(exempt.every(({ ended }) => ended === undefined)).toBe(true);
  });

  test("gives a newcomer the descriptor of an ending connection, then a stranger's, never a known one's", () => {
    const { admission, enter } = admit({ connectionsMax: 3 });
    const [known, ending, stranger] = [enter(), enter(), enter()];
    admission.identified(known);
    admission.identified(ending);
    admission.ends(ending);
    const next = enter();
    expect([known, ending, stranger].map(({ ended }) => ended)).toEqual([undefined, "untold", undefined]);
    enter();
    expect(stranger.ended).toBe("untold");
    for (const peer of [next]) admission.identified(peer);
    expect(admission.connections).toBe(3);
  });

  test("takes some above its bound when all others are known, so that they can be answered, and no more", () => {
    const { admission, enter } = admit({ connectionsMax: 2, overflowMax: 1 });
    for (const peer of [enter(), enter()]) admission.identified(peer);
    const told = enter();
    expect(told.ended).toBeUndefined();
    // A stranger at the bound gives way; without a stranger, the newcomer does.
    admission.identified(told);
    expect(enter().ended).toBe("untold");
    expect(admission.connections).toBe(3);
  });

  test("bounds those who have been told and do not go", () => {
    const { admission, enter } = admit({ endingMax: 2 });
    const peers = [enter(), enter(), enter()];
    for (const peer of peers) admission.ends(peer);
    expect(peers.map(({ ended }) => ended)).toEqual(["untold", undefined, undefined]);
  });

  test("is empty when all have left, in whatever state they were", () => {
    const { admission, enter } = admit();
    const [stranger, known, ending] = [enter("a"), enter("a"), enter("b")];
    admission.identified(known);
    admission.ends(ending);
    for (const peer of [stranger, known, ending]) admission.leave(peer);
    expect([admission.connections, admission.unidentifiedCount, admission.unidentifiedOfOneAddress]).toEqual([0, 0, 0]);
  });
});
