/** All that ends a number or a word. */
const END = /[,\]}\s]|$/g;
const NO_SPACE = /\S/g;
const QUOTE_OR_BRACKET = /["[\]{}]/g;

/** Finds where values begin and end in a text of JSON, which must be valid. */
export class Scanner {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }

  /** What comes next that is not white space. */
  next(from: number): number {
    return this.#find(NO_SPACE, from);
  }

  /** The end of the value that begins at `start`. */
  endOf(start: number): number {
    const opening = this.json[start];
    if (opening === '"') return this.#endOfText(start);
    if (opening !== '{' && opening !== '[') return this.#find(END, start);
    let depth = 0;
    let at = start;
    do {
      at = this.#find(QUOTE_OR_BRACKET, at);
      const character = this.json[at];
      if (character === '"') at = this.#endOfText(at);
      else {
        depth += character === '{' || character === '[' ? 1 : -1;
        at += 1;
      }
    } while (depth > 0);
    return at;
  }

  /**
   * Goes through the members of the object, or the items of the list, that begins at `start`.
   *
   * @param visit gets the text of each name, the position of an item, and where the value begins; returns
   * where that ends
   * @returns the end of the object or list
   */
  each(start: number, visit: (name: string | undefined, index: number, value: number) => number): number {
    const isObject = this.json[start] === '{';
    let at = this.next(start + 1);
    for (let index = 0; this.json[at] !== '}' && this.json[at] !== ']'; index += 1) {
      let name: string | undefined;
      if (isObject) {
        const end = this.endOf(at);
        name = this.json.slice(at, end);
        at = this.next(this.next(end) + 1);
      }
      at = this.next(visit(name, index, at));
      if (this.json[at] === ',') at = this.next(at + 1);
    }
    return at + 1;
  }

  #endOfText(start: number): number {
    let at = this.json.indexOf('"', start + 1);
    while (this.#isEscaped(at)) at = this.json.indexOf('"', at + 1);
    return at + 1;
  }

  #isEscaped(at: number): boolean {
    let start = at;
    while (this.json[start - 1] === '\\') start -= 1;
    return (at - start) % 2 === 1;
  }

  #find(wanted: RegExp, from: number): number {
    wanted.lastIndex = from;
    return wanted.exec(this.json)?.index ?? this.json.length;
  }
}
