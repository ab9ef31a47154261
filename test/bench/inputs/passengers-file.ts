import { createWriteStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Random } from '../../simulation/random.ts';

const firstNames = 'Owen John James Florence Anna Laina Jacques Timothy Gosta Nicholas Marguerite'.split(' ');
const lastNames = 'Braund Cumings Heikkinen Futrelle Allen Moran McCarthy Palsson Nasser Löwenström'.split(
  ' ',
);
const columns = 'PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked';
const CHUNK_CHARACTERS = 1 << 20;

/**
 * Writes passengers of 73 bytes on average to a CSV file, the same for the same arguments. A third of them
 * become rows: those with an age who survived.
 *
 * @param bad the share of records that are wrong, each in one of eight ways
 */
export async function writePassengers(
  path: string,
  { records, bad }: { readonly records: number; readonly bad: number },
): Promise<{ readonly path: string; readonly records: number; readonly contentBytes: number }> {
  function* chunks(): Generator<string> {
    let chunk = `${columns}\n`;
    for (const line of lines(records, bad)) {
      chunk += `${line}\n`;
      if (chunk.length < CHUNK_CHARACTERS) continue;
      yield chunk;
      chunk = '';
    }
    yield chunk;
  }
  await pipeline(chunks, createWriteStream(path));
  return { path, records, contentBytes: statSync(path).size };
}

function* lines(records: number, bad: number): Generator<string> {
  const numbers = new Random(42);
  const random = () => numbers.next();
  const below = (limit: number) => Math.floor(random() * limit);
  const one = (of: readonly string[]) => of[below(of.length)] ?? '';
  for (let i = 1; i <= records; i += 1) {
    const [sex, title] = random() < 0.65 ? ['male', 'Mr.'] : ['female', 'Mrs.'];
    const known = random() < 0.04 ? ` ""${one(firstNames)}""` : '';
    const age = random() < 0.1 ? `${below(80)}.5` : `${below(80)}`;
    const fields = [
      `${i}`,
      random() < 0.38 ? '1' : '0',
      `${1 + below(3)}`,
      `"${one(lastNames)}, ${title} ${one(firstNames)} ${one(firstNames)}${known}"`,
      sex ?? '',
      random() < 0.2 ? '' : age,
      `${below(6)}`,
      `${below(4)}`,
      random() < 0.3 ? `PC ${below(99_999)}` : `${below(999_999)}`,
      (random() * 300).toFixed(random() < 0.5 ? 2 : 4),
      random() < 0.77 ? '' : `${one(['A', 'B', 'C'])}${below(150)}`,
      one(['S', 'C', 'Q']),
    ];
    if (random() < bad) faults[below(faults.length)]?.(fields);
    yield fields.join(',');
  }
}

const faults: readonly ((fields: string[]) => void)[] = [
  (fields) => fields.splice(0, 1, ''),
  (fields) => fields.splice(1, 1, 'maybe'),
  (fields) => fields.splice(2, 1, '1.5'),
  (fields) => fields.splice(3, 1, '"Bro"ken, Mr. X"'),
  (fields) => fields.splice(5, 1, 'abc'),
  (fields) => fields.splice(9, 1, '12,5'),
  (fields) => fields.push('extra'),
  (fields) => fields.pop(),
];
