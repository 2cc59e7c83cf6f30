import { MalformedJson } from "../../../src/base/json-fields.ts";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  parseAnswer,
  parseListing,
  parseService,
  parseServices,
  parseUnknown,
} from "../../../src/registry/client/parse-instances.ts";
import { testSeed } from "../../support/random.ts";
import { instanceJson, jsonOf } from "./fake-registry.ts";

const seed = testSeed("parse-instances");

const answer = (instances: unknown, timestamp = "5"): string =>
  `{"code":0,"message":"0","data":{"instances":${jsonOf(instances)},"latest_timestamp":${timestamp}}}`;
const read = (text: string): ReturnType<typeof parseService> => parseService(parseAnswer(text).data);

describe("an answer", () => {
  test("keeps every digit of an int64, however it is spaced", () => {
    for (const digits of ["0", "-1", "9007199254740993", "9223372036854775807", "1790000000000000001"]) {
      for (const text of [digits, ` ${digits}\n`, `\t${digits} `]) {
        expect(read(answer({}, text)).latestTimestamp).toBe(BigInt(digits));
      }
    }
  });

  test("gives metadata back as it was, whatever it looks like", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom('"latest_timestamp":12345,', '"reg_timestamp": 1}', "\\", '\\"', "__proto__", "latest_timestamp"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), (entries) => {
        const metadata = new Map(entries);
        const json = instanceJson("chat", "a", { metadata: Object.fromEntries(metadata) });
        const [instance] = read(answer({ z: [json] })).instances;
        expect(new Map(instance?.metadata)).toEqual(metadata);
      }),
      { seed },
    );
  });

  test("may hold null for what Go leaves empty, and what nobody knows", () => {
    expect(read('{"code":0,"data":{"instances":null,"latest_timestamp":1}}').instances).toEqual([]);
    expect(read(answer({ z: null })).instances).toEqual([]);
    const json = instanceJson("chat", "a", { addrs: null, metadata: null, colour: 1, reg_timestamp: 3 });
    const [instance] = read(answer({ z: [json] })).instances;
    expect(instance?.addrs).toEqual([]);
    expect(instance?.metadata.size).toBe(0);
    expect(instance?.regTimestamp).toBe(3n);
  });

  test("has an address for each, also where a node has joined them", () => {
    const json = instanceJson("chat", "a", { addrs: ["tcp://a:1,http://a:2", "grpc://a:3"] });
    expect(read(answer({ z: [json] })).instances[0]?.addrs).toEqual(["tcp://a:1", "http://a:2", "grpc://a:3"]);
  });

  test("lists everything, whatever its status, with the moment of its renewal", () => {
    const chat = [
      instanceJson("chat", "a", { renew_timestamp: 7n }),
      instanceJson("chat", "b", { status: 2, env: "x" }),
    ];
    const text = jsonOf({ code: 0, data: { chat, login: [instanceJson("login", "c")], empty: null } });
    const listed = parseListing(parseAnswer(text).data);
    expect(listed.map(({ instance }) => instance.hostname)).toEqual(["a", "b", "c"]);
    expect(listed.map(({ renewTimestamp }) => renewTimestamp)).toEqual([
      7n,
      ...Array(2).fill(1_790_000_000_000_000_001n),
    ]);
    expect(parseListing(null)).toEqual([]);
    for (const wrong of [1, [], { chat: 1 }, { chat: [null] }, { chat: [{ renew_timestamp: "1" }] }])
      expect(() => parseListing(wrong)).toThrow(MalformedJson);
  });

  test("leaves out instances that are not UP", () => {
    const list = [instanceJson("chat", "a", { status: 2 }), instanceJson("chat", "b")];
    expect(read(answer({ z: list })).instances.map(({ hostname }) => hostname)).toEqual(["b"]);
  });

  test("names the services that are unknown", () => {
    expect(parseUnknown({ "-404": ["a", "b"] })).toEqual(new Set(["a", "b"]));
    for (const none of [undefined, null, {}, { "-404": null }]) expect(parseUnknown(none).size).toBe(0);
  });

  test("is refused when it is something else", () => {
    const wrong = [
      ...["", "null", "[]", "1", "{", '{"code":"0"}', '{"code":1e99}', '{"code":0.5}', '{"code":0,"message":1}'],
      ...["1e3", "1.5", "null", '"x"', "99999999999999999999", "true"].map((timestamp) => answer({}, timestamp)),
      ...[[], "x", { z: {} }, { z: [null] }, { z: [[]] }].map((instances) => answer(instances)),
      ...["region", "zone", "env", "appid", "hostname", "version", "status", "up_timestamp"].map((key) =>
        answer({ z: [instanceJson("chat", "a", { [key]: undefined })] }),
      ),
      ...[{ status: 3 }, { addrs: "x" }, { addrs: [1] }, { metadata: { a: 1 } }, { metadata: [] }].map((change) =>
        answer({ z: [instanceJson("chat", "a", change)] }),
      ),
    ];
    for (const text of wrong) expect(() => read(text), text).toThrow(MalformedJson);
    expect(() => parseServices({ chat: null })).toThrow(MalformedJson);
    expect(() => parseServices(undefined)).toThrow(MalformedJson);
    for (const error of [1, [], { "-404": "x" }, { "-404": [1] }]) {
      expect(() => parseUnknown(error)).toThrow(MalformedJson);
    }
  });
});
