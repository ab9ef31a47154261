import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { datasetText } from '../../../cli/new/dataset-text.ts';
import { listPath } from '../../../cli/new/list-path.ts';
import { withDataset } from '../../../cli/new/register.ts';
import { sampleOf } from '../../../cli/new/sample.ts';
import { chunksOf } from '../../domain/records/decoded.ts';

const BOM = '\uFEFF';

/** The file of a dataset for a file with this content, without white space at the starts of lines. */
async function textFor(content: string | Buffer): Promise<string> {
  const sample = await sampleOf(chunksOf(Buffer.from(content), 1000));
  return datasetText('things', sample, 'a.file').text.replace(/^ +/gm, '');
}

const csv = (...rows: string[]) => `${rows.join('\n')}\n`;

describe('a dataset for a file', () => {
  it.each([
    [
      'commas and a header',
      csv('id,name', '1,a', '2,b'),
      ["format: 'csv' }", 'id: int32(),', "key: ['id'],"],
    ],
    [
      'semicolons and decimal commas',
      csv('Nr;Preis', '1;19,90', '2;7'),
      [
        "delimiter: ';'",
        'Preis: decimal(18, 2, { comma: true }), // with a decimal comma',
        'preis: decimal(18, 2),',
      ],
    ],
    [
      'tabs in UTF-16',
      Buffer.from(`${BOM}a\tb\n1\tx\n2\ty\n`, 'utf16le'),
      ["delimiter: '\\t'", 'a: int32(),'],
    ],
    ['pipes in gzip', gzipSync(csv('a|b', '1|x,y', '2|z')), ["delimiter: '|'"]],
    [
      'commas in a zip archive',
      readFileSync(new URL('../../domain/records/formats/fixtures/zip/python.zip', import.meta.url)),
      ['id: int32(),', 'name: z.string(),', "key: ['id'],"],
    ],
    [
      'Parquet',
      readFileSync(new URL('../../domain/records/formats/fixtures/parquet/v2-zstd.parquet', import.meta.url)),
      [
        "format: 'parquet' }",
        'i64: int64().nullish()',
        'u64: decimal(20, 0).nullish()',
        'money: decimal(9, 2).nullish()',
        'bytes: binary().nullish()',
        'day: date().nullish()',
        "local: timestamp({ zone: 'UTC' }).nullish(), // no value has a zone",
        'map: z.record(z.string(), int64().nullable()).nullish()',
        'ids: z.array(int64().nullable()).nullish()',
        'must_thing: z.object({ x: int32() }),',
        'd38: decimal(38, 10).nullish()',
        'at: timestamp().nullish()',
        't_us: time().nullish()',
        "key: ['must']",
      ],
    ],
    [
      'Parquet without rows',
      readFileSync(new URL('../../domain/records/formats/fixtures/parquet/no-rows.parquet', import.meta.url)),
      [
        "format: 'parquet' }",
        '0 records',
        '.nullish(),',
        '// The file has no record. Name what identifies a row.',
      ],
    ],
    [
      'Avro without records',
      readFileSync(new URL('../../domain/records/formats/fixtures/avro/no-records.avro', import.meta.url)),
      ['a: int64().nullish(),', "key: ['a'],"],
    ],
    [
      'Avro',
      readFileSync(new URL('../../domain/records/formats/fixtures/avro/snappy.avro', import.meta.url)),
      [
        "format: 'avro' }",
        'id: int64(),',
        'n: int32().nullish(),',
        'f: double(),',
        'money: decimal(20, 2),',
        'small: decimal(9, 4),',
        'day: date(),',
        't_us: time(),',
        'at_us: timestamp(),',
        "local: timestamp({ zone: 'UTC' }), // no value has a zone",
        'bytes: binary(),',
        'tags: z.array(z.string().nullable()),',
        'by: z.record(z.string(), int64()),',
        'place: z.object({ x: double(), inner:',
      ],
    ],
    ['windows-1252', Buffer.from('name,at\nJos\xe9 \x80,x\n', 'latin1'), ["encoding: 'windows-1252'"]],
    [
      'no header',
      csv('1,2026-01-31,x', '2,2026-02-01,y'),
      ['header: false', 'column_1: int32(),', 'column_2: z.iso.date(),'],
    ],
    ['comments before the header', csv('# from the till', 'a,b', '1,x'), ["comment: '#'", 'a: int32(),']],
    [
      'texts for nothing',
      csv('id,n,t', '1,NA,NA', '2,5,x', '3,\\N,y'),
      [
        "nulls: ['NA', '\\\\N']",
        'n: int32().optional(),',
        't: z.string().optional(),',
        'n: record.n ?? null,',
        'n: int32().nullable(),',
      ],
    ],
    ['NA as text alone', csv('id,country', '1,NA', '2,DE'), ["format: 'csv' }", 'country: z.string(),']],
    ['zeros at the start, which are no numbers', csv('id,zip', '1,01234', '2,99999'), ['zip: z.string(),']],
    [
      'long numbers',
      csv('id,n,d', '1,9007199254740993,0.1234567890123456789', '2,5,1'),
      [
        'n: int64(), // some need more than 32 bits',
        'd: decimal(20, 19), // some have more digits than a double holds',
        "import { decimal, int32, int64 } from '../domain/fields.ts';",
      ],
    ],
    [
      'measurements and money',
      csv('id,celsius,price', '1,20.5,3.5', '2,7,1'),
      ['celsius: double(),', 'price: decimal(18, 2), // exact, since its name says money'],
    ],
    ['booleans', csv('id,open', '1,TRUE', '2,false'), ['open: flag(),', 'open: z.boolean(),']],
    ['days that there are not', csv('id,day', '1,2026-02-30', '2,2026-01-01'), ['day: z.string(),']],
    ['instants', csv('id,at', '1,2026-01-01T10:00:00+01:00'), ['at: timestamp(),']],
    [
      'days as people write them',
      csv('id;on;at', '1;31.01.2026;02.01.2026 10:30', '2;01.02.2026;03.01.2026 07:05'),
      [
        "on: date('DD.MM.YYYY'), // all values have this form",
        'on: date(),',
        "at: timestamp({ format: 'DD.MM.YYYY HH:mm', zone: 'UTC' }), // no value has a zone: say where the clocks stand",
        'at: timestamp(),',
        "import { date, int32, timestamp } from '../domain/fields.ts';",
      ],
    ],
    [
      'days of which one tells what the month is',
      csv(
        'id,us,any,at',
        '1,01/31/2026,01/02/2026,1/31/2026 1:05 PM',
        '2,02/01/2026,03/04/2026,2/1/2026 12:00 AM',
      ),
      [
        "us: date('MM/DD/YYYY'), // all values have this form",
        "any: date('DD/MM/YYYY'), // no value tells which is the day and which the month",
        "at: timestamp({ format: 'M/D/YYYY h:mm A', zone: 'UTC' }), // no value has a zone",
      ],
    ],
    [
      'times without a zone',
      csv('id,at,mixed', '1,2026-01-31 10:30:00,2026-01-31 10:30', '2,2026-02-01 00:00:00.25,soon'),
      ["at: timestamp({ zone: 'UTC' }), // no value has a zone", 'mixed: z.string(),'],
    ],
    [
      'times of the day',
      csv('id,opens,shuts,lasts', '1,09:30,6:05 PM,75:30', '2,10:00:00.5,12:00 AM,01:00'),
      [
        'opens: time(),',
        "shuts: time('h:mm A'), // all values have this form",
        'shuts: time(),',
        'lasts: z.string(),',
        "import { int32, time } from '../domain/fields.ts';",
      ],
    ],
    [
      'times that count from 1970',
      csv(
        'id,created_at,updateTime,n',
        '1,1769851800,1769851800123,1769851800',
        '2,1769851801,1769851800124,1',
      ),
      [
        "created_at: timestamp({ format: 'epoch seconds' }), // its numbers and its name look like seconds since 1970",
        "updateTime: timestamp({ format: 'epoch milliseconds' }), //",
        'update_time: timestamp(),',
        'n: int32(),',
      ],
    ],
    [
      'words for yes and no',
      csv('id,paid,open,sex,always,mixed', '1,yes,Ja,m,yes,true', '2,NO,nein,f,yes,N'),
      [
        'paid: yesNo(), // yes and no in words',
        "open: yesNo({ yes: ['ja'], no: ['nein'] }), // yes and no in words",
        'paid: z.boolean(),',
        'mixed: yesNo(),',
        'sex: z.string(),',
        'always: z.string(),',
      ],
    ],
    [
      'days and words in JSON',
      '{"id":1,"on":"31.01.2026","ok":"y"}\n{"id":2,"on":"01.02.2026","ok":"n"}',
      ["on: date('DD.MM.YYYY'), // all values have this form", 'ok: yesNo(), // yes and no in words'],
    ],
    [
      'names that are no names of columns',
      csv('Straße,2nd,Customer Name,customer-name', 'a,b,c,d'),
      [
        "'2nd': z.string(),",
        "strasse: record['Straße'],",
        "column_2nd: record['2nd'],",
        "customer_name_2: record['customer-name'],",
      ],
    ],
    [
      'NDJSON with lists and objects',
      '{"id":1,"tags":["a"],"at":{"x":1.5}}\n{"id":2,"tags":[],"at":{"x":1,"y":null}}',
      ["format: 'json' }", 'tags: z.array(z.string()),', 'at: z.object({ x: double() }),'],
    ],
    [
      'an array, in which fields lack',
      '[{"id":"a","n":1},{"id":"b"}]',
      ['n: int32().nullish(),', 'n: int32().nullable(),', 'n: record.n ?? null,'],
    ],
    ['objects over several lines', '{\n "id": 1\n}\n{\n "id": 2\n}', ['id: int32(),']],
    [
      'a list in a document',
      '{"next":null,"data":{"items":[{"id":1},{"id":2}]}}',
      ["list: 'data.items'", 'id: int32(),'],
    ],
    [
      'fields of no type',
      '{"id":1,"a":[],"b":1,"c":null}\n{"id":2,"a":[],"b":"x","c":null}',
      [
        '// Left out: a, since its lists are empty.',
        '// Left out: b, since its values are of several types: int32, string.',
        '// Left out: c, since it never has a value.',
      ],
    ],
  ])('with %s is written with its types', async (_, content, lines) => {
    const text = await textFor(content);
    for (const line of lines) expect(text).toContain(line);
  });

  it('proposes the key and the partitions with their reasons', async () => {
    const rows = Array.from({ length: 40 }, (_, n) => `${n % 20},${n},${n % 2 === 0 ? 'a' : 'b'}`);
    const text = await textFor(csv('part,order_id,kind', ...rows));
    expect(text).toContain("// No two records of the file have the same value.\nkey: ['order_id'],");
    expect(text.replaceAll('\n// ', ' ')).toContain(
      'Columns with few values: kind (2 values).\npartitionBy: [],',
    );
    const times = await textFor(
      csv('id,at,on', '1,2026-01-01T10:00:00Z,', '2,2026-01-02T10:00:00Z,31.01.2026'),
    );
    expect(times.replaceAll('\n// ', ' ')).toContain(
      "By time: 'day(at)', 'month(at)', 'month(on)'.\npartitionBy",
    );
    const none = await textFor(csv('a,b', 'x,y', 'x,y'));
    expect(none).not.toContain('By time');
    expect(none.replaceAll('\n// ', ' ')).toContain("Name what identifies a row.\nkey: ['a'],");
  });

  it.each([
    ['', 'The file is empty'],
    ['PAR1\x15\x04', 'The Parquet file breaks off'],
    ['Obj\x01\x04', 'The Avro file is cut or damaged'],
    ['[]', 'no record that can be read'],
    ['a,b\n', 'no record that can be read'],
  ])('is refused for %j, with the reason', async (content, message) => {
    await expect(textFor(content)).rejects.toThrow(message);
  });
});

it.each([
  ['[{"a":1}]', undefined],
  ['{"a":[1,2],"b":{"c":[[{"d":1}]]}}', undefined],
  ['{"a":"[{","b":[{"c":1}]}', 'b'],
  ['{"x":{"y":1},"a":{"b":{"c":[ {', 'a.b.c'],
  ['{"a.b":[{"c":1}]}', undefined],
])('the list of objects in %s is found', (text, path) => {
  expect(listPath(text)).toBe(path);
});

describe('datasets/index.ts', () => {
  const index = `import { Registry } from '../domain/registry.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

export const datasets = [recipes, passengers];
`;

  it('gets a dataset, its import in alphabetical order', () => {
    expect(
      withDataset(index, 'order-lines', 'orderLines'),
    ).toBe(`import { Registry } from '../domain/registry.ts';
import { orderLines } from './order-lines.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

export const datasets = [recipes, passengers, orderLines];
`);
    expect(withDataset(index, 'zoo', 'zoo')).toContain("'./recipes.ts';\nimport { zoo } from './zoo.ts';\n");
  });

  it('is broken into lines when the list is long, and can be added to again', () => {
    let text = index;
    for (let n = 0; n < 12; n += 1) text = withDataset(text, `dataset-${n}`, `datasetNumber${n}`);
    expect(text).toContain('export const datasets = [\n  recipes,\n  passengers,\n  datasetNumber0,\n');
    expect(text).toContain('  datasetNumber11,\n];\n');
  });

  it('that was written otherwise is left alone, with the lines to add', () => {
    expect(() => withDataset('const all = [];', 'zoo', 'zoo')).toThrow(
      "add import { zoo } from './zoo.ts'; and zoo yourself",
    );
  });
});
