import type { Random } from '../simulation/random.ts';
import type { Code } from './code.ts';
import {
  brokenOff,
  compressed,
  type Fate,
  followedByGarbage,
  list,
  type Made,
  makeEmpty,
  type Row,
  type Upload,
} from './objects.ts';

/** A value as somebody may write it. */
interface Written {
  readonly text: string;
  readonly value: unknown;
}

type Passenger = Readonly<Record<string, Written>>;

const required = ['PassengerId', 'Survived', 'Pclass', 'Name', 'Sex'];
const optional = ['Age', 'SibSp', 'Parch', 'Ticket', 'Fare', 'Cabin', 'Embarked'];
/** Stands for a byte that is no UTF-8. */
const NO_UTF8 = '\ue000';

/** An object of any kind that people upload as passengers. */
export function makePassengers(random: Random, key: string): Upload {
  const names = [...required, ...optional.filter(() => random.chance(0.85))];
  if (random.chance(0.3)) names.push('Deck');
  const columns = names.sort(() => random.next() - 0.5);
  const entries = list(random, 1, 9, () => makeEntry(random, columns));
  const fates = entries.map(({ fate }) => fate);
  const ending = random.pick(['\n', '\n', '\r\n', '\r']);
  const text = (header: readonly string[], ...more: readonly string[]) =>
    [header.join(','), ...entries.map(({ line }) => line), ...more].join(ending);
  const of = (content: string, more: Partial<Upload> = {}): Upload => ({
    key,
    body: compressed(random, bytesOf(content)),
    fates,
    ...more,
  });
  const whole = () => bytesOf(`${[columns.join(','), ...entries.map(({ line }) => line)].join('\n')}\n`);
  const refused = (header: readonly string[], fault: string) => of(text(header), { fates: [], fault });
  switch (random.between(0, 19)) {
    case 0:
      return makeEmpty(random, key);
    case 1:
      return of(columns.join(',') + random.pick(['', ending]), { fates: [] });
    case 2: {
      const lost = random.pick(['Name', 'Pclass']);
      return refused(
        columns.filter((name) => name !== lost),
        'missing_column',
      );
    }
    case 3:
      return refused([columns.join(';')], 'missing_column');
    case 4:
      return refused([...columns, 'Sex'], 'duplicate_column');
    case 5: {
      // A surrogate without a partner is no text either.
      const content = text(columns).replaceAll(NO_UTF8, '\ud800');
      return { key, body: Buffer.from(`\ufeff${content}`, 'utf16le'), fates };
    }
    case 6:
      return of(text(columns, '99,1,1,"never closes', 'and so on'), { fault: 'unclosed_quote' });
    case 7:
      return { key, body: brokenOff(whole()), fates, fault: 'truncated' };
    case 8:
      return { key, body: followedByGarbage(whole()), fates, fault: 'corrupt_compression' };
    default:
      return of(random.pick(['', '\ufeff']) + text(columns, ...random.pick([[], [''], ['', '']])));
  }
}

interface Entry {
  readonly line: string;
  readonly fate: Fate;
}

function makeEntry(random: Random, columns: readonly string[]): Entry {
  const passenger = makePassenger(random);
  const there = (name: string) => columns.includes(name);
  const lineOf = (changes: Readonly<Record<string, string>> = {}) =>
    columns.map((name) => changes[name] ?? field(random, passenger[name]?.text ?? 'ignored')).join(',');
  const rejected = (code: string, changes: Readonly<Record<string, string>>): Entry => ({
    line: lineOf(changes),
    fate: { rejected: code },
  });
  switch (random.between(0, 26)) {
    case 0:
      return { line: `${lineOf()},more`, fate: { rejected: 'ragged_row' } };
    case 1:
      return rejected('missing_field', { PassengerId: '' });
    case 2:
      return rejected('missing_field', { Name: '""' });
    case 3:
      return rejected('wrong_type', { Survived: 'maybe' });
    case 4:
      return rejected('wrong_type', { Pclass: '1.5' });
    case 5:
      return rejected('empty', { Name: '   ' });
    case 6:
      return rejected('too_large', { PassengerId: '2147483648' });
    case 7:
      return rejected('too_small', { PassengerId: '-2147483649' });
    case 8:
      return there('Fare')
        ? rejected('inexact_number', { Fare: '0.1234567890123456789' })
        : rejected('wrong_type', { PassengerId: '0x1' });
    case 9:
      return rejected('malformed_csv', { Name: '"Ends" too early' });
    case 10:
      return rejected('nul_byte', { Name: 'N\0L' });
    case 11:
      return rejected('invalid_utf8', { Name: `Zo${NO_UTF8}` });
    default:
      return { line: lineOf(), fate: (code) => madeOf(passenger, there, code) };
  }
}

function makePassenger(random: Random): Passenger {
  const missing: Written = { text: '', value: null };
  const maybe = (written: Written) => (random.chance(0.2) ? missing : written);
  const whole = (value: number): Written => ({
    text: random.pick([`${value}`, `${value}`, `${value}.0`, ` ${value} `]),
    value,
  });
  const number = (...values: [number, ...number[]]): Written => {
    const value = random.pick(values);
    return { text: random.pick([`${value}`, ` ${value}`]), value };
  };
  const text = (value: string): Written => ({ text: value, value });
  const survived = random.chance(0.6);
  return {
    PassengerId: whole(random.between(1, 2_000_000_000)),
    Survived: {
      text: random.pick(survived ? ['1', '1.0', 'true', 'TRUE'] : ['0', '0.0', 'false']),
      value: survived,
    },
    Pclass: whole(random.between(1, 3)),
    Name: text(
      `${random.pick(['Ann', '  Bo', 'O"Neil, “Æ”', 'Two\nlines', '=1+1', '名前', '5\' 8"'])} ${random.id(5)}`,
    ),
    Sex: text(random.pick(['female', 'male'])),
    Age: maybe(number(0.42, 22, 34.5, 71, 100)),
    SibSp: maybe(whole(random.between(0, 8))),
    Parch: maybe(whole(random.between(-2, 3))),
    Ticket: maybe(text(random.pick(['A/5 21171', '00123', '@SUM(1)', 'NULL', 'tab\there']))),
    Fare: maybe(number(7.25, 0.1, 512.3292, 1e21, 5e-7)),
    Cabin: maybe(text(random.pick(['C85', 'C23 C25', '\\N', '"']))),
    Embarked: maybe(text(random.pick(['S', 'C', ' Q ']))),
  };
}

function madeOf(passenger: Passenger, there: (column: string) => boolean, code: Code): Made {
  const value = (column: string) => (there(column) ? passenger[column]?.value : null);
  if (value('Age') === null) return { filtered: 'has no age' };
  if (code === 'old' && value('Survived') === false) return { filtered: 'did not survive' };
  if (code === 'new' && value('Pclass') === 3) return { filtered: 'travelled third class' };
  const name = String(value('Name'));
  const row: Row = {
    passenger_id: value('PassengerId'),
    survived: value('Survived'),
    pclass: value('Pclass'),
    name: code === 'old' ? name : name.toUpperCase(),
    sex: value('Sex'),
    age: value('Age'),
    sib_sp: value('SibSp'),
    parch: value('Parch'),
    ticket: value('Ticket'),
    fare: value('Fare'),
    cabin: value('Cabin'),
    embarked: value('Embarked'),
  };
  return { row };
}

/** In quotes where it must be, or by chance; not so an empty field of which quotes would say nothing else. */
function field(random: Random, text: string): string {
  const must = /[",\r\n]/.test(text) || text !== text.trim();
  return must || random.chance(0.2) ? `"${text.replaceAll('"', '""')}"` : text;
}

function bytesOf(text: string): Buffer {
  const pieces = text.split(NO_UTF8).map((piece) => Buffer.from(piece));
  return Buffer.concat(pieces.flatMap((piece, i) => (i === 0 ? [piece] : [Buffer.of(0xff), piece])));
}
