import { gzipSync } from 'node:zlib';

const columns = [
  'PassengerId',
  'Survived',
  'Pclass',
  'Name',
  'Sex',
  'Age',
  'SibSp',
  'Parch',
  'Ticket',
  'Fare',
  'Cabin',
  'Embarked',
] as const;
type Passenger = Record<(typeof columns)[number], string>;

const families = [
  'Abbing',
  'Braund',
  "O'Dwyer",
  'Lindqvist',
  'van Impe',
  'Sjöstedt',
  'Peñasco y Castellana',
  'Kelly',
];
const women = ['Mrs. John Bradley (Florence)', 'Miss. Laina', 'Miss. Anna "Annie"'];
const men = ['Mr. Owen Harris', 'Master. Gösta Leonard', 'Dr. Washington'];

/**
 * Passenger lists like Titanic's, as people have them.
 *
 * @param random numbers from 0 to below 1
 */
export function passengerFiles(random: () => number): Record<string, string | Uint8Array> {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;

  let last = 0;
  const passenger = (changes: Partial<Passenger> = {}): Passenger => {
    last += 1;
    const sex = random() < 0.4 ? 'female' : 'male';
    const pclass = 1 + below(3);
    return {
      PassengerId: String(last),
      Survived: random() < (sex === 'female' ? 0.74 : 0.19) ? '1' : '0',
      Pclass: String(pclass),
      Name: `${pick(families)}, ${pick(sex === 'female' ? women : men)}`,
      Sex: sex,
      Age: random() < 0.2 ? '' : String(random() < 0.05 ? 0.42 : 1 + below(80)),
      SibSp: String(below(3)),
      Parch: String(below(3)),
      Ticket: random() < 0.3 ? `PC ${17000 + below(900)}` : String(110_000 + below(250_000)),
      Fare: String((4 - pclass) * (7 + below(9)) + pick([0, 0.25, 0.8958, 0.925])),
      Cabin: pclass === 1 ? `${pick(['B', 'C', 'D'])}${1 + below(99)}` : '',
      Embarked: pick(['S', 'S', 'C', 'Q']),
      ...changes,
    };
  };
  const passengers = (count: number) => Array.from({ length: count }, () => passenger());
  const survivor = (changes: Partial<Passenger>) => passenger({ Survived: '1', Age: '30', ...changes });

  const withMistakes = [
    line(survivor({})),
    line(survivor({ Age: '  22 ' })),
    line(survivor({ Age: 'about thirty', Fare: '7,25' })),
    line(survivor({ PassengerId: '' })),
    line(survivor({ Survived: 'maybe' })),
    line(survivor({})).replace(/,[^,]*$/, ''),
    `${line(survivor({}))},boarded late`,
    line(survivor({ Name: 'X' })).replace(',X,', ',"Kelly, Mr. "Jim" James",'),
    line(survivor({ Ticket: 'PC\0 17599' })),
    line(survivor({ Name: '   ' })),
    line(survivor({ Pclass: '3.0' })),
  ];
  const unusual = [
    survivor({ Name: 'Duff Gordon, Lady.\n(Lucille Christiana Sutherland)\n"Mrs. Morgan"' }),
    survivor({ Name: '=HYPERLINK("http://example.org";"click")' }),
    survivor({ Name: '陳, Mr. 👩‍🍳', Cabin: '"B51" "B53", B55' }),
    survivor({ Name: "Robert'); DROP TABLE passengers;--" }),
  ];

  return {
    'passengers/titanic.csv': csv(passengers(200)),
    'passengers/southampton.csv.gz': gzipSync(csv(passengers(80))),
    'passengers/spreadsheet.csv': spreadsheet(passengers(20)),
    'passengers/unusual.csv': csv(unusual),
    'passengers/with-mistakes.csv': `${columns.join(',')}\n${withMistakes.join('\n')}\n`,
    'passengers/semicolons.csv': csv(passengers(3)).replaceAll(',', ';'),
    'passengers/unclosed-quote.csv': csv([...passengers(8), passenger({ Name: 'X' })]).replace(
      ',X,',
      ',"Kelly,',
    ),
  };
}

function field(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function line(passenger: Passenger, order: readonly (keyof Passenger)[] = columns): string {
  return order.map((column) => field(passenger[column])).join(',');
}

function csv(passengers: readonly Passenger[]): string {
  return [columns.join(','), ...passengers.map((each) => line(each)), ''].join('\n');
}

/**
 * As spreadsheets save it: a byte-order mark, CR LF, columns as somebody arranged them, and one of their own.
 */
function spreadsheet(passengers: readonly Passenger[]): string {
  const order = [...columns].sort();
  const lines = passengers.map((each) => `${line(each, order)},checked`);
  return `\ufeff${[`${order.join(',')},Notes`, ...lines, ''].join('\r\n')}`;
}
