import { PermanentError } from '../../../errors.ts';
import type { RawRecord, RecordSplitter } from '../record.ts';
import { JsonArraySplitter } from './array.ts';

const QUOTE = '"'.charCodeAt(0);
const BACKSLASH = '\\'.charCodeAt(0);
const COLON = ':'.charCodeAt(0);
const COMMA = ','.charCodeAt(0);
const OPEN_BRACKET = '['.charCodeAt(0);
const CLOSE_BRACKET = ']'.charCodeAt(0);
const OPEN_BRACE = '{'.charCodeAt(0);
const CLOSE_BRACE = '}'.charCodeAt(0);

/** The longest name of a field that is compared with the path. Bytes. */
const MAX_NAME_BYTES = 1024;

/**
 * Finds the items of the list at a path of one JSON document, such as `features` or `data.items`. What comes
 * before it is skipped without being held, and what comes after it is not looked at.
 */
export class JsonListSplitter implements RecordSplitter {
  readonly #path: readonly string[];
  #list: JsonArraySplitter | undefined;
  /** How many objects and lists are open. */
  #depth = 0;
  /** How many names of the path lead to the innermost open object on it, which is at depth `#at + 1`. */
  #at = 0;
  #inString = false;
  #escaped = false;
  /** The last string at that depth, with its quotes and escapes, while it may be a name of the path. */
  #name: number[] = [];
  /** Whether the next value is that of the path's next name. */
  #isNext = false;

  /**
   * @param path names of fields, separated by dots
   * @param after how many items of the list come before the first byte; `undefined` if the document begins
   */
  constructor(path: string, after?: number) {
    this.#path = path.split('.');
    if (after !== undefined) this.#list = new JsonArraySplitter({ ignoresRest: true, after });
  }

  /** Before the list has begun, nothing can go on. */
  get cut(): 'list' | undefined {
    return this.#list && 'list';
  }

  get begun(): number {
    return this.#list?.begun ?? 0;
  }

  push(chunk: Buffer): RawRecord[] {
    if (this.#list !== undefined) return this.#list.push(chunk);
    for (let i = 0; i < chunk.length; i += 1) {
      if (!this.#isFound(chunk[i] as number)) continue;
      this.#list = new JsonArraySplitter({ ignoresRest: true });
      return this.#list.push(chunk.subarray(i));
    }
    return [];
  }

  /** Takes a byte before the list. @returns whether the list begins with it */
  #isFound(byte: number): boolean {
    if (this.#inString) {
      this.#takeOfString(byte);
      return false;
    }
    const isOnPath = this.#depth === this.#at + 1;
    switch (byte) {
      case QUOTE:
        this.#inString = true;
        this.#name = isOnPath ? [QUOTE] : [];
        return false;
      case COLON:
        this.#isNext = isOnPath && this.#isName();
        return false;
      case COMMA:
        this.#isNext = false;
        return false;
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const isLast = this.#at + 1 === this.#path.length;
        if (this.#isNext && isLast && byte === OPEN_BRACKET) return true;
        if (this.#isNext && !isLast && byte === OPEN_BRACE) this.#at += 1;
        this.#depth += 1;
        this.#isNext = false;
        return false;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (isOnPath && this.#at > 0) this.#at -= 1;
        this.#depth -= 1;
        this.#isNext = false;
        return false;
      default:
        return false;
    }
  }

  #takeOfString(byte: number): void {
    if (this.#name.length > 0 && this.#name.length < MAX_NAME_BYTES) this.#name.push(byte);
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  #isName(): boolean {
    try {
      return JSON.parse(Buffer.from(this.#name).toString('utf8')) === this.#path[this.#at];
    } catch {
      return false;
    }
  }

  /** @throws {PermanentError} if the document ends before its list does, or has none there */
  end(): RawRecord[] {
    if (this.#list !== undefined) return this.#list.end();
    const path = JSON.stringify(this.#path.join('.'));
    const circumstances = { stage: 'extraction' } as const;
    if (this.#depth > 0 || this.#inString)
      throw new PermanentError(
        'truncated',
        `The file ends before the list at ${path} begins.`,
        circumstances,
      );
    throw new PermanentError(
      'unknown_format',
      `The document has no list at ${path}, where the dataset’s records are.`,
      circumstances,
    );
  }
}
