import type { Row } from '../../../domain/records/transformation.ts';
import type { Structs } from '../../formats/iceberg/operations.ts';
import { everyType } from './every-type.ts';
import { PipelineTable, type Shown } from './pipeline-table.ts';

const PER_OBJECT = 9;
const days = ['0001-01-01', '1582-10-10', null];
const long = 'more than sixteen letters ';

/** A record of the dataset's first form: each column is null now and then. */
function recordOf(id: number): Row {
  const day = days[id % 3] ?? null;
  const sign = id % 2 === 0 ? '' : '-';
  const at = `20${10 + (id % 80)}-03-28T01:59:59.${String(id % 1000).padStart(3, '0')}Z`;
  return {
    id,
    category: ['easy', 'schön & 😀/=%', null][id % 3] ?? null,
    day,
    label: id % 4 === 0 ? null : ['\uFEFF', '', 'é', '😀'][id % 4] + long.repeat(id % 3) + id,
    amount: `${sign}${id}.${String(id % 100).padStart(2, '0')}`,
    total: id % 5 === 0 ? null : `${sign}${10 + id}.0625`,
    huge: id % 6 === 0 ? null : `${sign}${id + 1}${id % 7 === 0 ? '0'.repeat(20) : ''}.5000000000`,
    number: id % 7 === 0 ? null : id % 11 === 0 ? 2n ** 63n - BigInt(id) : BigInt(id) - 2n ** 50n,
    score: id % 8 === 0 ? null : id / 8 - 3,
    is_good: id % 3 === 1 ? null : id % 2 === 0,
    at: id % 5 === 1 ? null : at,
    exactly: id % 5 === 2 ? null : at.replace('Z', '987Z'),
    // icebird takes bytes for text.
    photo: id % 4 === 2 ? null : Buffer.of(id % 128, 0, 0x7f, ...Buffer.alloc(id % 20, 1)).toString('base64'),
    tags: id % 6 === 1 ? null : Array.from({ length: id % 4 }, (_, i) => (i === 2 ? null : `tag ${i}`)),
    amounts: Array.from({ length: id % 3 }, (_, i) => `${sign}${id + 1}.${i}25`),
    matrix: Array.from({ length: id % 4 }, (_, i) => Array.from({ length: i }, () => BigInt(id * i))),
    steps: Array.from({ length: (id + 1) % 3 }, (_, i) => ({
      text: `step ${i}`,
      minutes: i === 1 ? null : id,
      at,
    })),
    place: {
      name: `place ${id % 5}`,
      lat: id % 2 === 0 ? null : id / 4,
      since: id % 2 === 1 ? null : '9999-12-31',
      inner: { ok: id % 2 === 0, codes: id % 4 === 0 ? [] : [id, null] },
    },
  };
}

/** What a reader must find after each operation of the pipeline, on top of those before it. */
export async function everyOperation(structs: Structs, partitionBy?: readonly string[]): Promise<Shown[]> {
  const forms = everyType(structs, partitionBy);
  const table = new PipelineTable(forms.first.dataset);
  let last = 0;
  const records = (change: (row: Row) => Row = (row) => row): Row[] =>
    Array.from({ length: PER_OBJECT }, () => {
      last += 1;
      const record = recordOf(last);
      return change(structs === 'nullable' && last % 4 === 3 ? { ...record, place: null } : record);
    });
  const shown: Shown[] = [];
  const show = (name: string) => shown.push(table.shown(name));

  await table.apply(['a', records()], ['b', records()], ['c', records()]);
  show('appended');
  await table.apply(['b', records()]);
  show('overwritten');
  await table.apply(['a', 'deleted']);
  show('deleted');
  table.deploy(forms.wider.dataset, forms.wider.after);
  const wider = (row: Row): Row => ({
    ...row,
    id: Number(row['id']) + 2 ** 40,
    amount: `1${String(row['amount']).replace('-', '').padStart(12, '0')}`,
    extra: Number(row['id']) % 2 === 0 ? null : Number(row['id']),
    notes: Number(row['id']) % 3 === 0 ? null : ['a note'],
    steps: (row['steps'] as Row[]).map((each) => ({ ...each, minutes: 2 ** 45 })),
    place: row['place'] && { ...(row['place'] as Row), zip: Number(row['id']) % 2 === 0 ? null : '8001' },
  });
  await table.apply(['d', records(wider)]);
  show('widened');
  const atOnce = ['e', 'f', 'g', 'c'].map((name) => [name, records(wider)] as const);
  await table.atOnce([...atOnce, ['b', 'deleted']]);
  if (table.conflicts === 0) throw new Error('Nobody committed at the same time as another.');
  show('committed at once');
  table.deploy(forms.renamed.dataset, forms.renamed.after);
  const renamed = (row: Row) => forms.renamed.after(wider(row));
  await table.apply(['h', records(renamed)]);
  show('renamed');
  await table.compact();
  show('compacted');
  await table.atOnce([
    ['c', records(renamed)],
    ['d', 'deleted'],
    ['i', records(renamed)],
  ]);
  show('taken out of compacted files');
  table.deploy(forms.fewer.dataset, forms.fewer.after);
  await table.apply(['e', records((row) => forms.fewer.after(renamed(row)))]);
  show('with fewer columns');
  table.deploy(forms.again.dataset, forms.again.after);
  await table.apply(['f', records((row) => ({ ...forms.fewer.after(renamed(row)), huge: 'a text by now' }))]);
  show('with another column of an old name');
  await table.compact();
  show('compacted again');
  await table.expire();
  show('expired');
  return shown;
}
