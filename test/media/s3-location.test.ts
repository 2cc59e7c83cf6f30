// Where an S3-compatible store is, and by which key it is used, as operators write it.

import { expect, test } from "bun:test";
import { parseS3, s3Credentials } from "../../src/media/s3/s3-location.ts";

test("a bucket has a region, an endpoint and a prefix, which have defaults", () => {
  expect(parseS3("s3://my-files")).toEqual({
    endpoint: "https://s3.us-east-1.amazonaws.com",
    bucket: "my-files",
    prefix: "",
    region: "us-east-1",
  });
  expect(parseS3("s3://my.files/a/b/?region=eu-central-1")).toEqual({
    endpoint: "https://s3.eu-central-1.amazonaws.com",
    bucket: "my.files",
    prefix: "a/b/",
    region: "eu-central-1",
  });
  expect(parseS3("s3://files?endpoint=http://127.0.0.1:9000&region=auto").endpoint).toBe("http://127.0.0.1:9000");
});

test("what is no bucket is refused, and so are credentials in it", () => {
  for (const text of [
    "s3://",
    "s3:///path",
    "s3://ab",
    "s3://files:9000",
    "s3://key:secret@files",
    "s3://files?endpoint=https://key:secret@host",
    "s3://files?endpoint=https://host/path",
    "s3://files?endpoint=ftp://host",
    "s3://files?accessKeyId=x",
    "s3://files#x",
    "s3://files/a b",
    "s3://files?region=a/b",
    "https://files",
  ])
    expect(() => parseS3(text), text).toThrow(/^s3:\/\/bucket\/prefix/);
});

test("the key is one of the environment, or of the default section of a file", () => {
  const environment = { AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "secret", AWS_SESSION_TOKEN: "token" };
  const found = { accessKeyId: "id", secretAccessKey: "secret", sessionToken: "token" };
  expect(s3Credentials(environment, undefined)).toEqual(found);
  expect(s3Credentials({ ...environment, AWS_SECRET_ACCESS_KEY: "" }, undefined)).toBeUndefined();
  const file = "[other]\naws_access_key_id = no\r\n[default]\naws_access_key_id = id\naws_secret_access_key=secret\n";
  expect(s3Credentials(environment, file)).toEqual({ ...found, sessionToken: undefined });
  expect(s3Credentials(environment, "[other]\naws_access_key_id = id\naws_secret_access_key = s")).toBeUndefined();
  expect(s3Credentials({}, "aws_access_key_id = id\naws_secret_access_key = secret")).toMatchObject({
    accessKeyId: "id",
  });
});
