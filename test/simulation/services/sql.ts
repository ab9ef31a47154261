/**
 * The statements that the loading stage sends, as data: what the stand-in of MySQL understands, and nothing
 * else.
 */
export type Statement =
  | { readonly kind: 'control'; readonly what: Control }
  | { readonly kind: 'set'; readonly object: string }
  | { readonly kind: 'packet' }
  | { readonly kind: 'guard'; readonly dataset: string; readonly object: string; readonly locked: boolean }
  | { readonly kind: 'raise'; readonly dataset: string; readonly object: string; readonly sequencer: string }
  | {
      readonly kind: 'lower';
      readonly dataset: string;
      readonly object: string;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: 'select';
      readonly table: string;
      readonly columns: readonly string[];
      readonly where: Where;
      readonly limit: number;
    }
  | {
      readonly kind: 'insert';
      readonly table: string;
      readonly columns: readonly string[];
      readonly tuples: readonly (readonly Value[])[];
      readonly replaces: boolean;
    }
  | {
      readonly kind: 'note';
      readonly dataset: string;
      readonly object: string;
      readonly sequencer: string;
      readonly version: Version;
    }
  | {
      readonly kind: 'forget';
      readonly dataset: string;
      readonly object: string;
      readonly older: NonNullable<Where['sequencer']>;
    }
  | { readonly kind: 'touch'; readonly table: string; readonly sequencer: string; readonly where: Where }
  | { readonly kind: 'delete'; readonly table: string; readonly where: Where };

export type Control = 'START TRANSACTION' | 'COMMIT' | 'ROLLBACK' | 'SAVEPOINT' | 'ROLLBACK TO SAVEPOINT';

/** `object`: what the session has set as `@object`. Bytes are hexadecimal text in lower case. */
export type Value = string | number | null | { readonly variable: string };

/** The provenance of rows. */
export interface Version {
  readonly source: string;
  readonly version: string;
  readonly loadedAt: string;
}

export interface Where {
  readonly object: string;
  readonly records?: ReadonlySet<number>;
  readonly after?: number;
  readonly sequencer?: { readonly operator: string; readonly value: string };
}

/** @throws {Error} when it is none of these statements: the stand-in has to learn it */
export function parseStatement(text: string, values: readonly unknown[] = []): Statement {
  let next = 0;
  const sql = text.trim();
  const bound = () => String(values[next++]);
  const match = (pattern: RegExp) => pattern.exec(sql)?.groups;

  const control = match(/^(?<what>START TRANSACTION|COMMIT|ROLLBACK TO SAVEPOINT|ROLLBACK|SAVEPOINT)\b/);
  if (control !== undefined) return { kind: 'control', what: control['what'] as Control };
  const set = match(/^SET @object = x'(?<object>\w+)'$/);
  if (set !== undefined) return { kind: 'set', object: set['object'] ?? '' };
  if (sql === 'SELECT @@max_allowed_packet') return { kind: 'packet' };
  const guard = match(
    /^SELECT sequencer FROM `sluice_objects` WHERE dataset = \? AND _object = x'(?<object>\w+)'(?<lock>.*)$/,
  );
  if (guard !== undefined) {
    const locked = guard['lock']?.trim() === 'LOCK IN SHARE MODE';
    return { kind: 'guard', dataset: bound(), object: guard['object'] ?? '', locked };
  }
  const raise = match(
    /^INSERT INTO `sluice_objects` \(dataset, _object, sequencer\) VALUES \(\?, x'(?<object>\w+)', \?\) ON DUPLICATE KEY UPDATE sequencer = IF\(VALUES\(sequencer\) > sequencer, VALUES\(sequencer\), sequencer\)$/,
  );
  if (raise !== undefined)
    return { kind: 'raise', dataset: bound(), object: raise['object'] ?? '', sequencer: bound() };
  const lower = match(
    /^UPDATE `sluice_objects` SET sequencer = \? WHERE dataset = \? AND _object = x'(?<object>\w+)' AND sequencer = \?$/,
  );
  if (lower !== undefined) {
    const [to, dataset, from] = [bound(), bound(), bound()];
    return { kind: 'lower', dataset, object: lower['object'] ?? '', from, to };
  }
  const note = match(
    /^INSERT INTO `sluice_versions` \(dataset, _object, _sequencer, _source, _version, _loaded_at\) VALUES \(\?, x'(?<object>\w+)', \?, \?, \?, \?\) ON DUPLICATE KEY UPDATE _version = VALUES\(_version\), _loaded_at = VALUES\(_loaded_at\)$/,
  );
  if (note !== undefined) {
    const [dataset, sequencer] = [bound(), bound()];
    const version = { source: bound(), version: bound(), loadedAt: bound() };
    return { kind: 'note', dataset, object: note['object'] ?? '', sequencer, version };
  }
  const forget = match(
    /^DELETE FROM `sluice_versions` WHERE _object = x'(?<object>\w+)' AND _sequencer (?<operator><=|<|=) '(?<value>[^']*)' AND dataset = \?$/,
  );
  if (forget !== undefined) {
    const { object = '', operator = '', value = '' } = forget;
    return { kind: 'forget', dataset: bound(), object, older: { operator, value } };
  }
  const select = match(
    /^SELECT (?<columns>.*?) FROM `(?<table>\w+)` (?<where>WHERE .*?)(?: ORDER BY _record LIMIT (?<limit>\d+))?(?<lock> FOR UPDATE)?$/,
  );
  if (select !== undefined) {
    const { columns = '', table = '', where = '', limit = 'Infinity' } = select;
    const names = columns === 'COUNT(*)' ? [columns] : [...columns.matchAll(/_\w+/g)].map(([name]) => name);
    return { kind: 'select', table, columns: names, where: parseWhere(where, bound), limit: Number(limit) };
  }
  const insert = match(/^INSERT INTO `(?<table>\w+)` \((?<columns>[^)]*)\) VALUES /);
  if (insert !== undefined) {
    const from = /^INSERT INTO `\w+` \([^)]*\) VALUES /.exec(sql)?.[0].length ?? 0;
    const { tuples, rest } = parseTuples(sql, from);
    const columns = (insert['columns'] ?? '').split(',').map((name) => name.replaceAll('`', ''));
    return {
      kind: 'insert',
      table: insert['table'] ?? '',
      columns,
      tuples,
      replaces: rest.startsWith(' ON DUPLICATE'),
    };
  }
  const touch = match(/^UPDATE `(?<table>\w+)` SET _sequencer = '(?<sequencer>[^']*)' (?<where>WHERE .*)$/);
  if (touch !== undefined) {
    const { table = '', sequencer = '', where = '' } = touch;
    return { kind: 'touch', table, sequencer, where: parseWhere(where, bound) };
  }
  const remove = match(/^DELETE FROM `(?<table>\w+)` (?<where>WHERE .*)$/);
  if (remove !== undefined)
    return { kind: 'delete', table: remove['table'] ?? '', where: parseWhere(remove['where'] ?? '', bound) };
  throw new Error(`The stand-in of MySQL does not know this statement: ${sql.slice(0, 200)}`);
}

function parseWhere(sql: string, bound: () => string): Where {
  const groups =
    /^WHERE _object = x'(?<object>\w+)'(?: AND _record > (?<after>\d+))?(?: AND _record IN \((?<records>[\d,]*)\))?(?: AND _sequencer (?<operator><=|<|=) (?:'(?<sequencer>[^']*)'|(?<bound>\?)))?$/.exec(
      sql,
    )?.groups;
  if (groups === undefined) throw new Error(`The stand-in of MySQL does not know this condition: ${sql}`);
  const { object = '', after, records, operator, sequencer } = groups;
  return {
    object,
    ...(after !== undefined && { after: Number(after) }),
    ...(records !== undefined && { records: new Set(records.split(',').map(Number)) }),
    ...(operator !== undefined && { sequencer: { operator, value: sequencer ?? bound() } }),
  };
}

/** What a backslash and a character stand for in a text (MySQL reference manual, "String Literals"). */
const escapes: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  t: '\t',
  n: '\n',
  r: '\r',
  Z: '\u001a',
};

/** A quoted text, bytes, a variable, NULL or a number. */
const literal = /'((?:[^'\\]+|\\.|'')*)'|x'(\w*)'|@(\w+)|(NULL)|([-+.\deE]+)/sy;

function parseTuples(sql: string, from: number): { tuples: Value[][]; rest: string } {
  const tuples: Value[][] = [];
  let at = from;
  while (sql[at] === '(') {
    const tuple: Value[] = [];
    do {
      literal.lastIndex = at + 1;
      const [all = '', text, bytes, variable, none, number] = literal.exec(sql) ?? [];
      if (all === '')
        throw new Error(`The stand-in of MySQL can't read this value: ${sql.slice(at, at + 80)}`);
      if (text !== undefined)
        tuple.push(
          text.replace(/\\(.)|''/gs, (_, escaped) => (escaped ? (escapes[escaped] ?? escaped) : "'")),
        );
      else if (bytes !== undefined) tuple.push(bytes.toLowerCase());
      else if (variable !== undefined) tuple.push({ variable });
      else tuple.push(none === undefined ? Number(number) : null);
      at += 1 + all.length;
    } while (sql[at] === ',');
    tuples.push(tuple);
    at += sql[at + 1] === ',' ? 2 : 1;
  }
  return { tuples, rest: sql.slice(at) };
}
