// The OpenAPI document and the descriptors that it is made from.

import { expect, test } from "bun:test";
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { errorCodes, otherError } from "../../src/api/description/errors.ts";
import { apiMethods, apiServices, boundsOf, commentOf, commentOfField } from "../../src/api/description/methods.ts";
import { openapiDocument } from "../../src/api/description/openapi.ts";

const methods = [...apiMethods.values()];

test("the document is OpenAPI 3.1", async () => {
  const validator = new Validator();
  expect(await validator.validate({ ...openapiDocument("1.2.3") })).toMatchObject({ valid: true });
  expect(validator.version).toBe("3.1");
});

test("every method has a path, a comment, a scope, an example, and errors that are described", () => {
  const { paths } = openapiDocument("1.2.3");
  expect(Object.keys(paths ?? {})).toEqual(methods.map(({ path }) => path));
  for (const { name, comment, scope, example, desc, errors } of methods) {
    expect([name, comment.endsWith("."), scope !== ""]).toEqual([name, true, true]);
    // Throws if the request does not know a field.
    fromJson(desc.input, JSON.parse(example), { ignoreUnknownFields: false });
    expect([name, errors.map((code) => otherError(code).status >= 400)]).toEqual([name, errors.map(() => true)]);
    expect([name, desc.input.fields.some((field) => field.name === "app")]).toEqual([name, true]);
  }
  for (const { comment } of apiServices) expect(comment).not.toBe("");
});

test("every scope is of its service, or of all", () => {
  const wrong = methods.filter(
    ({ name, scope }) => scope !== "*" && !scope.startsWith(`${(name.split("/")[0] ?? "").toLowerCase()}:`),
  );
  expect(wrong.map(({ name }) => name)).toEqual([]);
});

test("every field of a request has a comment, or a name that says it all", () => {
  const plain = new Set(["name", "avatar", "introduction", "announcement"]);
  const bare = methods
    .flatMap(({ desc }) => desc.input.fields)
    .filter(
      (field) =>
        commentOfField(field) === "" && !plain.has(field.name) && commentOf(field.message?.typeName ?? "") === "",
    );
  expect(bare.map(String)).toEqual([]);
});

test("lists of requests are bounded", () => {
  const open = methods
    .flatMap(({ desc }) => desc.input.fields)
    .filter((field) => field.fieldKind === "list" && boundsOf(field).itemsMax === undefined);
  expect(open.map(String)).toEqual([]);
});

test("codes of errors are those of the Connect protocol, with its statuses", () => {
  // https://connectrpc.com/docs/protocol#error-codes
  const known = ["canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists"].concat(
    ["permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented"],
    ["internal", "unavailable", "data_loss", "unauthenticated"],
  );
  expect(errorCodes.filter((code) => !known.includes(code))).toEqual([]);
  expect(() => otherError("gone")).toThrow("add it to errors.ts");
});

test("schemas accept what protobuf writes as JSON, and the bounds of fields refuse what is beyond them", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const { components } = openapiDocument("1.2.3");
  const judge = (name: string): ReturnType<typeof ajv.compile> =>
    ajv.compile({ $ref: `#/components/schemas/${name}`, components });
  const send = judge("SendReq");
  expect(send({ to: "bob", replyTo: "7012345678901234567", mentions: ["a"] })).toBe(true);
  for (const wrong of [{ replyTo: 7 }, { to: "b".repeat(61) }, { mentions: Array(51).fill("a") }, { type: 2 ** 31 }])
    expect([wrong, send(wrong)]).toEqual([wrong, false]);
  const recall = judge("RecallReq");
  expect([recall({ messageId: "1" }), recall({})]).toEqual([true, false]);
  const role = judge("SetRoleReq");
  expect([role({ group: "1", account: "b", role: "admin" }), role({ group: "1", account: "b", role: "king" })]).toEqual(
    [true, false],
  );
  for (const { desc } of methods) {
    const written = toJson(desc.output, create(desc.output), { alwaysEmitImplicit: true });
    expect([desc.output.name, judge(desc.output.name)(written)]).toEqual([desc.output.name, true]);
  }
});
