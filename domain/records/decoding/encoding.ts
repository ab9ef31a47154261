import { isUtf8 } from 'node:buffer';

/** `utf-8` stands for UTF-16 with a byte-order mark too, which is made UTF-8 before. */
export type Encoding = 'utf-8' | 'latin1' | 'windows-1252';

/**
 * The characters of the bytes 0x80 to 0x9f (WHATWG Encoding Standard, "index-windows-1252"). All other bytes
 * are those of ISO 8859-1, and so are five of these.
 */
const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f' +
  '\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';

/** Whether all bytes are text in this encoding. */
export function isText(bytes: Buffer, encoding: Encoding): boolean {
  return encoding !== 'utf-8' || isUtf8(bytes);
}

/** The text of some bytes. */
export function textOf(bytes: Buffer, encoding: Encoding): string {
  if (encoding !== 'windows-1252') return bytes.toString(encoding);
  return bytes
    .toString('latin1')
    .replace(/[\x80-\x9f]/g, (each) => WINDOWS_1252[each.charCodeAt(0) - 0x80] ?? '');
}
