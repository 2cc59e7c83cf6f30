// Where an S3-compatible store is, and by which key it is used.

/** A bucket, as `--media` names it. */
export interface S3Location {
  /** The server, without a path: `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  /** What the keys of all objects begin with; '' or a path that ends in "/". */
  readonly prefix: string;
  readonly region: string;
}

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

const expected =
  "s3://bucket/prefix?region=…&endpoint=https://…: the region or the endpoint may be left out, and credentials are " +
  "never in it";

/** Parses `s3://bucket/prefix?endpoint=…&region=…`. Throws what was expected. */
export function parseS3(text: string): S3Location {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "s3:" || url.username !== "" || url.password !== "" || url.hash !== "" || url.port !== "")
    throw new Error(expected);
  const known = new Set(["endpoint", "region"]);
  if ([...url.searchParams.keys()].some((name) => !known.has(name))) throw new Error(expected);
  const bucket = url.hostname;
  // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) throw new Error(expected);
  const path = url.pathname.replace(/^\/+|\/+$/g, "");
  if (path !== "" && !/^[A-Za-z0-9!_.*'()/-]{1,200}$/.test(path)) throw new Error(expected);
  const region = url.searchParams.get("region") ?? "us-east-1";
  if (!/^[a-z0-9-]{1,40}$/.test(region)) throw new Error(expected);
  return { endpoint: endpointOf(url, region), bucket, prefix: path === "" ? "" : `${path}/`, region };
}

function endpointOf(url: URL, region: string): string {
  const text = url.searchParams.get("endpoint");
  if (text === null) return `https://s3.${region}.amazonaws.com`;
  const endpoint = URL.canParse(text) ? new URL(text) : undefined;
  const isPlain =
    endpoint?.pathname === "/" && endpoint.search === "" && endpoint.hash === "" && endpoint.username === "";
  if (endpoint === undefined || !isPlain || !/^https?:$/.test(endpoint.protocol)) throw new Error(expected);
  return endpoint.origin;
}

/**
 * Reads the variables of the environment that all programs for S3 know, or a file in the format of AWS's
 * (`aws_access_key_id = …`, the section `default` if it has any). Undefined if one of the two is missing.
 */
export function s3Credentials(
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): S3Credentials | undefined {
  const values = file === undefined ? environment : valuesOf(file);
  const accessKeyId = values["AWS_ACCESS_KEY_ID"] ?? "";
  const secretAccessKey = values["AWS_SECRET_ACCESS_KEY"] ?? "";
  if (accessKeyId === "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, sessionToken: values["AWS_SESSION_TOKEN"] };
}

function valuesOf(file: string): Record<string, string> {
  const values: Record<string, string> = {};
  let section = "default";
  for (const line of file.split(/\r?\n/)) {
    const [, name] = /^\s*\[\s*(.+?)\s*\]\s*$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    const [, key, value] = /^\s*(aws_\w+)\s*=\s*(\S+)\s*$/i.exec(line) ?? [];
    if (section === "default" && key !== undefined && value !== undefined) values[key.toUpperCase()] = value;
  }
  return values;
}
