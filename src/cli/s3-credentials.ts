// The key of the S3-compatible store that --media names: of a file, or of the environment. Never of the command line,
// which other users of the machine see.

import { UnreadableFile, readSmallFile } from "../base/small-file.ts";
import { type S3Credentials, s3Credentials } from "../media/s3/s3-location.ts";
import type { OptionValues } from "./option-values.ts";
import { StartError, UsageError } from "./usage-error.ts";

const fileBytesMax = 16 * 1024;

/** Undefined where --media names no such store. Throws UsageError, StartError. */
export function readS3Credentials(values: OptionValues): S3Credentials | undefined {
  const path = values.optional("media-credentials");
  if (values.required("media").kind !== "s3") {
    if (path !== undefined)
      throw new UsageError(`${values.sourceOf("media-credentials")} is for --media s3://…, which is not given`);
    return undefined;
  }
  const found = s3Credentials(process.env, path === undefined ? undefined : textOf(path));
  if (found !== undefined) return found;
  const missing = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
  throw new StartError(
    path === undefined
      ? `--media s3://… needs the variables ${missing}, or --media-credentials FILE`
      : `the file ${path} has no ${missing.toLowerCase()} in its section [default]`,
  );
}

function textOf(path: string): string {
  try {
    return readSmallFile(path, { bytesMax: fileBytesMax, waits: true }).text;
  } catch (error) {
    if (error instanceof UnreadableFile) throw new StartError(error.message);
    throw error;
  }
}
