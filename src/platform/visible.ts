/** Text with C0, C1, bidirectional and other invisible controls replaced by \xNN or \u{N}. */
export function visibleText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0)!;
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same of several lines, which stay lines. */
export const visibleLines = (text: string): string => text.split("\n").map(visibleText).join("\n");
