// Whether the files that messages name can be kept where --media says.

import { accessSync, constants } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { MediaUnavailable } from "../../media/media-place.ts";
import type { S3Credentials, S3Location } from "../../media/s3/s3-location.ts";
import { readS3Credentials } from "../s3-credentials.ts";
import { lookAt, whyNot } from "./files.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

/** Looks at the folder, or asks the S3-compatible store for a file that nobody has. */
export async function checkMedia({ values, role }: Subject): Promise<readonly Finding[]> {
  const media = values.required("media");
  const source = values.sourceOf("media");
  const credentials = readS3Credentials(values);
  if (media.kind === "off") return [ok("messages name no files, because --media is off")];
  if (media.kind === "s3") return credentials === undefined ? [] : [await checkBucket(media.location, credentials)];
  if (role !== "standalone")
    return [problem(`${source} folder is for a standalone server; services share an S3-compatible store: s3://…`)];
  return [checkFolder(join(resolve(values.required("data")), "media"))];
}

function checkFolder(folder: string): Finding {
  const found = lookAt(folder);
  if (found === undefined) return ok(`files are kept in ${folder}, which the start makes`);
  if (typeof found === "string") return problem(`${folder}: ${found}`);
  if (!found.isDirectory()) return problem(`${folder} is not a folder, and files are kept there; move it away`);
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return problem(`cannot write to ${folder}, where files are kept: ${whyNot(error)}; chown it`);
  }
  return ok(`files are kept in ${folder}`);
}

async function checkBucket(location: S3Location, credentials: S3Credentials): Promise<Finding> {
  const { S3Place } = await import("../../media/s3/s3-place.ts");
  try {
    await new S3Place(location, credentials, systemClock).probe();
    return ok(`files are kept in ${location.endpoint}/${location.bucket}, which can be read`);
  } catch (error) {
    if (!(error instanceof MediaUnavailable)) throw error;
    return warning(`${error.message}; uploads and downloads fail until it can be read`);
  }
}
