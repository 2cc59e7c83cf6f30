// The fields of a query string or form, application/x-www-form-urlencoded
// (https://url.spec.whatwg.org/#urlencoded-parsing), found in place: a poll of a thousand services has thousands of
// fields, of which its reader needs a few names. A text with escapes is left to the platform's parser.

const ampersand = 0x26;
const equals = 0x3d;
const escapes = /[%+]/;

/** The fields of one text; equal to those of `URLSearchParams`. */
export class FormFields {
  private readonly text: string;
  private readonly start: number;
  private readonly decoded: URLSearchParams | undefined;

  constructor(text: string) {
    this.text = text;
    this.start = text.startsWith("?") ? 1 : 0;
    this.decoded = escapes.test(text) ? new URLSearchParams(text) : undefined;
  }

  /** Returns the first value of a name. */
  first(name: string): string | undefined {
    if (this.decoded !== undefined) return this.decoded.get(name) ?? undefined;
    let first: string | undefined;
    this.look(name, (value) => {
      first = value;
      return true;
    });
    return first;
  }

  /** Returns all values of a name. */
  all(name: string): string[] {
    if (this.decoded !== undefined) return this.decoded.getAll(name);
    const values: string[] = [];
    this.look(name, (value) => {
      values.push(value);
      return false;
    });
    return values;
  }

  /** Calls `found` with each value of the name until it returns true. */
  private look(name: string, found: (value: string) => boolean): void {
    const { text, start } = this;
    for (let at = start; at < text.length;) {
      // The ends of the name and of the field.
      let middle = -1;
      let end = at;
      for (; end < text.length; end++) {
        const character = text.charCodeAt(end);
        if (character === ampersand) break;
        if (character === equals && middle === -1) middle = end;
      }
      const nameEnd = middle === -1 ? end : middle;
      const isNamed = nameEnd - at === name.length && end > at && text.startsWith(name, at);
      if (isNamed && found(middle === -1 ? "" : text.slice(middle + 1, end))) return;
      at = end + 1;
    }
  }
}
