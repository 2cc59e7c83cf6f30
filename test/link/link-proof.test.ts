// The proofs of a link's handshake, against bytes that are put together here from their description.

import { expect, test } from "bun:test";
import { isMarked, linkProof, markNonce, type Meeting, type ProofSide, provesLink } from "../../src/auth/link-proof.ts";
import { Random, testSeed } from "../support/random.ts";

const random = new Random(testSeed("link proofs"));
const key = Buffer.from("sixteen bytes or more, known to all");
const meeting: Meeting = {
  dialler: { id: "gate-1", service: "gateway", incarnation: "00aa11bb22cc33dd" },
  acceptor: { id: "chat-1", incarnation: "ffee99dd88cc77bb" },
  diallerNonce: Buffer.alloc(32, 1),
  acceptorNonce: Buffer.alloc(32, 2),
};

/** HMAC-SHA-256 by another implementation (RFC 2104, spelled out over the platform's hash). */
function hmacSha256(secret: Uint8Array, text: Uint8Array): Buffer {
  const sha256 = (...parts: Uint8Array[]): Buffer => {
    const hash = new Bun.CryptoHasher("sha256");
    for (const part of parts) hash.update(part);
    return Buffer.from(hash.digest());
  };
  const block = Buffer.alloc(64);
  block.set(secret.length > 64 ? sha256(secret) : secret);
  const pad = (byte: number): Buffer => Buffer.from(block.map((value) => value ^ byte));
  return sha256(pad(0x5c), sha256(pad(0x36), text));
}

/** Each field behind its length, in four bytes, the most significant first. */
function input(side: ProofSide, { dialler, acceptor, diallerNonce, acceptorNonce }: Meeting): Buffer {
  const texts = [side, dialler.id, acceptor.id, dialler.incarnation, acceptor.incarnation, dialler.service];
  const fields = [...texts.map((text) => Buffer.from(text, "utf8")), diallerNonce, acceptorNonce];
  return Buffer.concat(
    fields.flatMap((field) => {
      const { length } = field;
      return [Buffer.from([length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff]), field];
    }),
  );
}

/** Texts or bytes, each behind its length. */
function lengthFirst(...fields: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(field.length);
      return [length, Buffer.from(field)];
    }),
  );
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The meeting with some of its texts replaced. */
function withTexts(texts: readonly string[]): Meeting {
  const [id = "", acceptorId = "", incarnation = "", acceptorIncarnation = "", service = ""] = texts;
  return {
    ...meeting,
    dialler: { id, service, incarnation },
    acceptor: { id: acceptorId, incarnation: acceptorIncarnation },
  };
}
const textsOf = ({ dialler, acceptor }: Meeting): string[] => [
  dialler.id,
  acceptor.id,
  dialler.incarnation,
  acceptor.incarnation,
  dialler.service,
];

test("is the HMAC-SHA-256 of all fields, each behind its length", () => {
  for (const side of ["accept", "dial"] as const) {
    expect(hex(linkProof(key, side, meeting))).toBe(hex(hmacSha256(key, input(side, meeting))));
  }
  const long = Buffer.alloc(200, "k");
  expect(hex(linkProof(long, "dial", meeting))).toBe(hex(hmacSha256(long, input("dial", meeting))));
});

test("stays what it is: another implementation that reads the description gives these bytes", () => {
  expect(hex(linkProof(key, "accept", meeting))).toBe(
    "6f68e1d2d14372ec8b62f623f5df1a603add6d89669f3b0576753024a08e1137",
  );
  expect(hex(linkProof(key, "dial", meeting))).toBe("e1cafbc56adf8f96cfc58a03874e46f55aa423ed993bb2e8409c52457e80cf88");
});

test("changes with the key, the side and every field", () => {
  const texts = textsOf(meeting);
  const others: Meeting[] = texts.map((_, at) =>
    withTexts(texts.map((text, place) => (place === at ? `${text}x` : text))),
  );
  others.push({ ...meeting, diallerNonce: Buffer.alloc(32, 3) }, { ...meeting, acceptorNonce: Buffer.alloc(32, 3) });
  others.push({ ...meeting, diallerNonce: meeting.acceptorNonce, acceptorNonce: meeting.diallerNonce });
  const proofs = [
    linkProof(key, "dial", meeting),
    linkProof(key, "accept", meeting),
    linkProof(key, "refuse", meeting),
    linkProof(key, "contest", meeting),
    linkProof(Buffer.from("another key of enough bytes"), "dial", meeting),
    ...others.map((other) => linkProof(key, "dial", other)),
  ];
  expect(new Set(proofs.map(hex)).size).toBe(proofs.length);
  for (const other of others) expect(provesLink(linkProof(key, "dial", other), key, "dial", meeting)).toBe(false);
});

test("covers both addresses where the two know such proofs, and is another one then", () => {
  const addresses = { dialled: "10.0.0.1:7000", advertised: "10.0.0.1:7000" };
  const at = { ...meeting, addresses };
  const others = [
    meeting,
    { ...meeting, addresses: { ...addresses, dialled: "10.0.0.2:7000" } },
    { ...meeting, addresses: { ...addresses, advertised: "10.0.0.2:7000" } },
    { ...meeting, addresses: { dialled: "10.0.0.1:700", advertised: "010.0.0.1:7000" } },
    { ...meeting, dialler: { ...meeting.dialler, service: "gateway10.0.0.1:7000" } },
  ];
  for (const side of ["accept", "refuse", "contest", "dial", "decline"] as const)
    for (const other of others) expect(provesLink(linkProof(key, side, other), key, side, at)).toBe(false);
  expect(hex(linkProof(key, "accept", at))).toBe(
    hex(
      hmacSha256(
        key,
        Buffer.concat([
          lengthFirst("accept at", "gate-1", "chat-1", "00aa11bb22cc33dd", "ffee99dd88cc77bb", "gateway"),
          lengthFirst(addresses.dialled, addresses.advertised),
          lengthFirst(meeting.diallerNonce, meeting.acceptorNonce),
        ]),
      ),
    ),
  );
});

test("a nonce is marked by its last eight bytes, and a random one is not", () => {
  const nonce = Uint8Array.from(random.bytes(32));
  expect(isMarked(nonce)).toBe(false);
  const marked = markNonce(Uint8Array.from(nonce));
  expect(isMarked(marked)).toBe(true);
  expect(hex(marked)).toBe(hex(nonce).slice(0, 48) + Buffer.from("address1").toString("hex"));
  for (let byte = 24; byte < 32; byte++) {
    const invalid = Uint8Array.from(marked);
    invalid[byte] = (invalid[byte] ?? 0) ^ 1;
    expect(isMarked(invalid)).toBe(false);
  }
  expect(isMarked(new Uint8Array(0))).toBe(false);
});

test("a byte that is moved from one field into its neighbour changes it", () => {
  const texts = textsOf(meeting);
  const before = hex(linkProof(key, "dial", meeting));
  for (let at = 0; at + 1 < texts.length; at++) {
    // The fields stand in this order in what is proven: put together they are the same bytes as before.
    const [one = "", next = ""] = [texts[at], texts[at + 1]];
    const shifted = texts.with(at, one.slice(0, -1)).with(at + 1, one.slice(-1) + next);
    expect(shifted.join("")).toBe(texts.join(""));
    expect(hex(linkProof(key, "dial", withTexts(shifted)))).not.toBe(before);
  }
  const nonces = Buffer.concat([meeting.diallerNonce, meeting.acceptorNonce]);
  for (const cut of [0, 31, 33, 64]) {
    const shifted = { ...meeting, diallerNonce: nonces.subarray(0, cut), acceptorNonce: nonces.subarray(cut) };
    expect(hex(linkProof(key, "dial", shifted))).not.toBe(before);
  }
});

test("is accepted whole and right only", () => {
  const proof = Buffer.from(linkProof(key, "accept", meeting));
  expect(provesLink(proof, key, "accept", meeting)).toBe(true);
  expect(provesLink(proof, key, "dial", meeting)).toBe(false);
  for (const wrong of [Buffer.alloc(0), proof.subarray(1), proof.subarray(0, 31), Buffer.concat([proof, proof])])
    expect(provesLink(wrong, key, "accept", meeting)).toBe(false);
  for (let bit = 0; bit < 256; bit++) {
    const flipped = Buffer.from(proof);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(provesLink(flipped, key, "accept", meeting)).toBe(false);
  }
  for (let round = 0; round < 200; round++)
    expect(provesLink(random.bytes(random.below(64)), key, "accept", meeting)).toBe(false);
});
