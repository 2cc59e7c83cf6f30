// The JSON of roost doctor.

export interface ShownFinding {
  readonly check: string;
  readonly level: string;
  readonly text: string;
}

/** Returns the findings; throws if the text is not what the doctor prints. */
export function findingsIn(text: string): readonly ShownFinding[] {
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== "object" || answer === null || !("findings" in answer) || !Array.isArray(answer.findings))
    throw new Error(`no findings in ${text}`);
  return answer.findings.map((finding: unknown) => {
    if (!isFinding(finding)) throw new Error(`not a finding: ${JSON.stringify(finding)}`);
    return finding;
  });
}

function isFinding(value: unknown): value is ShownFinding {
  if (typeof value !== "object" || value === null) return false;
  return ["check", "level", "text"].every((name) => typeof Reflect.get(value, name) === "string");
}
