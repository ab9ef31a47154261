import { crc32 } from 'node:zlib';
import { zipOf } from '../../domain/records/formats/zip-of.ts';
import type { Random } from '../random.ts';
import { CODES, type Member, memberOf } from './datasets.ts';
import { CSV_HEADER, type Item, makeItem } from './records.ts';

/** An object that somebody puts, with what must become of it. */
export interface Upload {
  readonly key: string;
  readonly body: string | Uint8Array;
  /** In order. */
  readonly items: readonly Item[];
  /** Why the object as a whole can't be read to its end. */
  readonly fault?: string;
}

type Content = Omit<Upload, 'key'>;

/**
 * How an object may be, by how likely it is. Its records are of all kinds; of a hopeless one no code can use
 * any.
 */
const shapes = [
  [6, (random: Random, member: Member) => whole(member, some(random, member))],
  [1, (random: Random, member: Member) => whole(member, some(random, member, true))],
  [1, () => ({ body: ' \n', items: [], fault: 'empty_file' })],
  [1, (_: Random, member: Member) => ofNoFormat(member)],
  [0.5, (_: Random, member: Member) => whole(member, [])],
  [1, (random: Random, member: Member) => cutOff(member, some(random, member))],
  [1, (random: Random, member: Member) => withMore(member, some(random, member))],
] as const;

/** An object of any kind under a key of a dataset, or of none. */
export function makeObject(random: Random, key: string): Upload {
  const member = memberOf(key);
  if (member === undefined) return { key, body: 'anything', items: [], fault: 'unknown_prefix' };
  const content = random.weighted<(random: Random, member: Member) => Content>(shapes)(random, member);
  return { key, ...content, body: packed(content.body) };
}

/**
 * Some contents as they are, others in a zip archive that stores them: what is compressed would be read by
 * the thread pool, whose order the simulation can't control. The content itself decides.
 */
function packed(content: Content['body']): Content['body'] {
  if (crc32(content) % 4 > 0) return content;
  const stored = { method: 0 };
  return zipOf(['first.txt', Buffer.from(content), stored], ['empty.txt', '', stored]);
}

/** Of which nothing can be read. */
export function makeRotten(random: Random, key: string): Upload {
  const member = memberOf(key);
  if (member === undefined) return makeObject(random, key);
  return {
    key,
    ...(member.format === 'csv'
      ? ofNoFormat(member)
      : { body: random.id(9), items: [], fault: 'unknown_format' }),
  };
}

/**
 * Some records. What one transform refuses whole, so that its version is rejected, and the next one does not,
 * is known to go wrong, when that one is deployed before the parts are transformed (docs/reliability.md):
 * there is something to use in it.
 */
function some(random: Random, member: Member, hopeless = false): Item[] {
  const items = Array.from({ length: random.between(1, 8) }, () => makeItem(random, member, hopeless));
  const isValid = (item: Item) => item.invalid(0) === undefined;
  const isOfUse = (item: Item, code: number) => !('rejected' in item.made(code, '', 1));
  const isOfUseLater = items.some((item) => isValid(item) && isOfUse(item, CODES - 1));
  while (isOfUseLater && !items.some((item) => isValid(item) && isOfUse(item, 0)))
    items.push(makeItem(random, member));
  return items;
}

function whole({ format }: Member, items: readonly Item[]): Content {
  const texts = items.map(({ text }) => text);
  if (format === 'csv') return { body: `${[CSV_HEADER, ...texts].join('\r\n')}\r\n`, items };
  // An array or NDJSON.
  return { body: items.length % 2 === 0 ? `[${texts.join(',\n')}]` : `${texts.join('\n')}\n`, items };
}

function ofNoFormat({ format }: Member): Content {
  const fault = format === 'csv' ? 'missing_column' : 'unknown_format';
  return { body: 'title;ingredients\n', items: [], fault };
}

function cutOff(member: Member, items: readonly Item[]): Content {
  const texts = items.map(({ text }) => text);
  if (member.format === 'csv')
    return { body: `${[CSV_HEADER, ...texts, 'a,"half of'].join('\n')}`, items, fault: 'unclosed_quote' };
  return { body: `[${[...texts, '{"name": "Half'].join(',')}`, items, fault: 'truncated' };
}

function withMore(member: Member, items: readonly Item[]): Content {
  if (member.format === 'csv') return whole(member, items);
  return { body: `[${items.map(({ text }) => text).join(',')}] and more`, items, fault: 'trailing_content' };
}
