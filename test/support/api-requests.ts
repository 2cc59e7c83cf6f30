// Random requests to the HTTP API, from the descriptors of its methods.

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import fc from "fast-check";
import { boundsOf } from "../../src/api/description/methods.ts";

/** Ids and names that earlier answers gave, by the kind of what they name. */
export type Known = Readonly<Record<"group" | "message" | "other", readonly string[]>>;

type Json = fc.JsonValue;

const people = ["alice", "bob", "carol"];
/** Names that cannot be, that are reserved, and that are nearly too long. */
const oddNames = ["@system", "*", "", " a", "a,b", "\u0000", "\ud83d\ude00", "é".repeat(60), "x".repeat(61)];
const texts = ["hi", "", "\u202e", "x".repeat(70), "{}", "<b>", "null"];
const longs = [
  "0",
  "1",
  "-1",
  "9007199254740993",
  "9223372036854775807",
  "-9223372036854775808",
  "1700000000000000000",
];
const ints = [0, 1, -1, 2, 50, 200, 201, 1_000, 2 ** 31 - 1, -(2 ** 31)];
const events = ["message.stored", "group.changed", "before.send", "nothing"];
/** Fields of which a request has one; others that it may leave out are there three times in ten. */
const exclusive = [
  ["to", "group", "accounts"],
  ["peer", "group"],
  ["account", "group"],
  ["before", "after", "around"],
  ["upload", "download"],
];
const accountFields = /^(account|accounts|actor|sender|to|peer|owner|members|mentions|after)$/;

/** Requests as JSON: most are valid, some are out of bounds, of another type or have unknown fields. */
export function requestsOf(desc: DescMessage, known: () => Known): fc.Arbitrary<Json> {
  const request = messageOf(desc, known, 0);
  return fc.oneof(
    { weight: 20, arbitrary: request },
    { weight: 1, arbitrary: request.map((value) => ({ ...Object(value), noSuchField: 1 })) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  );
}

function messageOf(desc: DescMessage, known: () => Known, depth: number): fc.Arbitrary<Json> {
  if (depth > 4) return fc.constant({});
  const fields = desc.fields.filter(({ name }) => name !== "app");
  const required = fields.filter((field) => boundsOf(field).isRequired).map(({ jsonName }) => jsonName);
  const model = Object.fromEntries(fields.map((field) => [field.jsonName, fieldOf(field, known, depth)]));
  const sets = [...exclusive, ...desc.oneofs.map((oneof) => oneof.fields.map(({ jsonName }) => jsonName))]
    .map((set) => set.filter((name) => Object.hasOwn(model, name)))
    .filter((set) => set.length > 1);
  const dice = fc.array(fc.nat(9), { minLength: fields.length, maxLength: fields.length });
  const whole = fc.tuple(fc.record(model), dice, fc.nat(5)).map(([value, rolled, choice]): Json => {
    const others = sets.flatMap((set) => set.filter((name) => name !== set[choice % set.length]));
    const kept = fields.filter(({ jsonName: name }, at) => {
      if (required.includes(name)) return true;
      if (others.includes(name)) return false;
      return sets.some((set) => set.includes(name)) || (rolled[at] ?? 0) < 3;
    });
    return Object.fromEntries(kept.map(({ jsonName: name }) => [name, value[name] ?? null]));
  });
  const any: fc.Arbitrary<Json> = fc.record(model, { requiredKeys: [] });
  return fc.oneof({ weight: 9, arbitrary: whole }, { weight: 1, arbitrary: any });
}

function fieldOf(field: DescField, known: () => Known, depth: number): fc.Arbitrary<Json> {
  const item = itemOf(field, known, depth);
  const odd = fc.constantFrom<Json>(null, [], {}, "x", 1.5, true);
  const value: fc.Arbitrary<Json> =
    field.fieldKind === "list"
      ? fc.array(item, { minLength: boundsOf(field).isRequired ? 1 : 0, maxLength: 4 })
      : field.fieldKind === "map"
        ? fc.dictionary(fc.string(), item)
        : item;
  return fc.oneof({ weight: 60, arbitrary: value }, { weight: 1, arbitrary: odd });
}

function itemOf(field: DescField, known: () => Known, depth: number): fc.Arbitrary<Json> {
  const { name } = field;
  if (field.message !== undefined) return messageOf(field.message, known, depth + 1);
  if (field.enum !== undefined) return mostly(fc.constantFrom(...field.enum.values.map((each) => each.name)), ["king"]);
  const seen = (kind: keyof Known): fc.Arbitrary<Json> =>
    fc.nat(1_000).map((at) => known()[kind].at(at % Math.max(1, known()[kind].length)) ?? "1");
  switch (field.scalar) {
    case ScalarType.STRING:
      if (name === "events") return fc.constantFrom(...events);
      if (name === "group") return mostly(seen("group"), oddNames);
      if (accountFields.test(name)) return mostly(fc.constantFrom(...people), oddNames);
      return fc.oneof(fc.constantFrom(...texts), seen("other"));
    case ScalarType.INT64:
      return /^(message_ids?|reply_to|before|after|around|thread)$/.test(name)
        ? mostly(seen("message"), longs)
        : fc.constantFrom(...longs);
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.constantFrom<Json>(0, 1.5, "NaN");
    default:
      return mostly(fc.integer({ min: 0, max: 100 }), ints);
  }
}

function mostly(usual: fc.Arbitrary<Json>, odd: readonly Json[]): fc.Arbitrary<Json> {
  return fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
}
