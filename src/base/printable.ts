// What foreign text may do to a terminal or a log: nothing. Names, error messages of other processes and messages' bodies
// hold whatever their authors chose; a control character moves the cursor or sets a title, a new line forges a line, a
// direction mark turns text around, and an invisible character makes two names look alike. All that reaches a person
// passes through here: log lines, sentences, tables, the terminal client.
//
// The classes are Unicode's general categories and properties (https://www.unicode.org/reports/tr44/).

/** Stands for what is not shown. */
const replacement = "\ufffd";

/**
 * Control and format characters, line and paragraph separators, characters that are invisible by default (fillers,
 * variation selectors, tags), and halves of surrogate pairs.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

/**
 * Invisible characters that are part of visible ones: a variation selector after a pictograph, and a joiner between two
 * pictographs or within a word of a script that joins its letters.
 */
const joined =
  /(?<=\p{Extended_Pictographic}|\p{Emoji_Modifier})\ufe0f|(?<=(?:\p{Extended_Pictographic}|\p{Emoji_Modifier})\ufe0f?)\u200d(?=\p{Extended_Pictographic})|(?<=[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Devanagari}\p{Script=Bengali}\p{Script=Gurmukhi}\p{Script=Gujarati}\p{Script=Oriya}\p{Script=Tamil}\p{Script=Telugu}\p{Script=Kannada}\p{Script=Malayalam}\p{Script=Sinhala}\p{Script=Myanmar}\p{Script=Khmer}])[\u200c\u200d](?=[\p{L}\p{M}])/u;

const hiddenOrJoined = new RegExp(`(${joined.source})|${hidden.source}`, "gu");

/** Reports whether a text holds nothing that a terminal obeys or hides. */
export function isPrintable(text: string): boolean {
  return !hidden.test(text);
}

/** A text of one line, fit for a terminal: a new line becomes ` ⏎ `, everything else that is not shown becomes U+FFFD. */
export function printable(text: string): string {
  if (isPrintable(text)) return text;
  return text.replace(hiddenOrJoined, (character, kept: string | undefined) => {
    if (kept !== undefined) return kept;
    return character === "\n" ? " ⏎ " : replacement;
  });
}

/** Several lines of our own, each of which may hold foreign text. */
export function printableLines(text: string): string {
  return isPrintable(text) ? text : text.split("\n").map(printable).join("\n");
}

/** A text in double quotes as JSON has it, with everything that is not shown as `\uXXXX`: nothing is lost, nothing obeyed. */
export function quotedText(text: string): string {
  return escaped(JSON.stringify(text));
}

/** JSON in which everything that a terminal would obey or hide is written as `\uXXXX`, which means the same. */
export function escaped(json: string): string {
  if (isPrintable(json)) return json;
  return json.replace(hiddenOrJoined, (characters) => {
    let escape = "";
    for (let at = 0; at < characters.length; at++)
      escape += `\\u${characters.charCodeAt(at).toString(16).padStart(4, "0")}`;
    return escape;
  });
}

/**
 * A name as it stands in a sentence: as it is if it is a word of letters, digits and `._@+-`, else quoted, so that no name
 * passes for a mark or a sentence of ours, or for several names.
 */
export function namedText(name: string): string {
  return /^[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u.test(name) && isPrintable(name) ? name : quotedText(name);
}
