import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it, onTestFinished, test } from 'vitest';
import { finished, sluice as run, startShell, startSluice } from '../sluice.ts';

const files = mkdtempSync(join(tmpdir(), 'sluice-try-'));
const directory = join(files, 'state');

afterAll(() => rmSync(files, { recursive: true, force: true }));

const sluice = (...args: readonly string[]) => run(directory, ['try', ...args]);

function file(name: string, content: string | Uint8Array): string {
  const path = join(files, name);
  writeFileSync(path, content);
  return path;
}

const soup = JSON.stringify({ title: 'Soup', ingredients: ['water'], directions: ['Boil for 10 minutes.'] });

describe('try shows what becomes of a file', () => {
  it('with mistakes: rows, columns, rejects and the sum; and writes nothing', async () => {
    const { status, stdout, stderr } = await sluice('examples/recipes/with-mistakes.json', '--rows', '1');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      /^examples\/recipes\/with-mistakes.json → recipes\/with-mistakes.json\nJSON array, 5.3 kB, 18 records\n/,
    );
    expect(stdout).toContain('(1 row)\nThe first of 8 rows; --rows shows more.\n');
    expect(stdout).toContain('\ndifficulty        string      0         3  easy  ');
    expect(stdout).toContain('\nwrong_type          transformation        4\n');
    expect(stdout).toContain(
      'record 2, missing_field in transformation: title: expected string, found nothing\n  {"ingredients":',
    );
    expect(stdout).toMatch(/\n18 read = 8 written \+ 0 filtered \+ 10 rejected\.\nIt would take effect\.\n$/);
    expect(existsSync(directory)).toBe(false);
  });

  it('with an unclosed quote: filtered by reason, the fault, and exit status 1', async () => {
    const { status, stdout } = await sluice('examples/passengers/unclosed-quote.csv');
    expect(status).toBe(1);
    expect(stdout).toContain('did not survive        3\nhas no age             1\n');
    expect(stdout).toContain(
      '8 read = 4 written + 4 filtered + 0 rejected.\nFault: unclosed_quote: A quote opens in record 9',
    );
    expect(stdout).toMatch(/It would take effect with the records before the fault\.\n$/);
  });

  it.each([
    ['empty.json', '', 'Fault: empty_file: ', 'it has no record'],
    ['cut.json.gz', gzipSync(soup).subarray(0, 12), 'Fault: truncated: ', 'it has no record'],
    ['bad.json', '[{}]', '1 read = 0 written + 0 filtered + 1 rejected.', 'none of its records is usable'],
  ])('%s would take no effect, with exit status 1', async (name, content, words, why) => {
    const { status, stdout } = await sluice(file(name, content), '-d', 'recipes');
    expect(status).toBe(1);
    expect(stdout).toContain(words);
    expect(stdout).toContain(
      `It would take no effect: ${why}, and the dataset says onReject: 'keep', so a version before it would stay active.\n`,
    );
  });

  it('whose text a terminal would obey: as escapes', async () => {
    const hostile = { title: '\u001b[2J', 'evil\u001b[31m': 1, ingredients: ['\u202e'], directions: ['x'] };
    const bad = `{"title\u001b[2J":}`;
    const path = file('hostile.ndjson', `${JSON.stringify(hostile)}\n${bad}\n`);
    const { stdout } = await sluice(path, '-d', 'recipes');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
    expect(stdout).toContain('\\u001b[2J');
    expect(stdout).toContain('["evil\\u005cu001b[31m"]');
  });
});

test('on a narrow terminal, the least and the greatest value are cut, and each column keeps its line', async () => {
  const { isTTY, columns } = process.stdout;
  Object.assign(process.stdout, { isTTY: true, columns: 80 });
  onTestFinished(() => void Object.assign(process.stdout, { isTTY, columns }));
  const { stdout } = await sluice('examples/recipes/soups.ndjson', '--rows', '0');
  expect(stripVTControlCharacters(stdout)).toContain(
    'recipe_id         string      0        60  095cd88e3321e0d…  fd17e83ea44b0aa…\n' +
      'title             string      0        60  Braised aubergi…  Sunday salmon s…\n' +
      'ingredients       list        0\n',
  );
});

describe('the dataset of a file', () => {
  it('is that of the folder, as for put', async () => {
    const { status, stderr } = await sluice(file('soup.ndjson', soup));
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /^The dataset of .* is unknown: .*\. Name it with --dataset \(recipes, passengers\)\.\n$/,
    );
  });

  it('must exist, as must the file', async () => {
    expect(await sluice(file('soup.ndjson', soup), '-d', 'soups')).toMatchObject({
      status: 1,
      stderr: 'There is no dataset "soups". The datasets are recipes, passengers.\n',
    });
    expect((await sluice(join(files, 'nothing'), '-d', 'recipes')).stderr).toContain("can't be read: ENOENT");
    expect((await sluice(files, '-d', 'recipes')).stderr).toContain('is a directory');
  });
});

test('what comes through a pipe is read too, compressed or not', async () => {
  const path = file('piped.json.gz', gzipSync(`[${soup}]`));
  const args = 'node cli/sluice.mjs try - --dataset recipes --rows 0';
  const { status, stdout } = await finished(startShell(directory, `cat '${path}' | ${args}`));
  expect(status).toBe(0);
  expect(stdout).toMatch(/^- → recipes\/stdin\nJSON array, gzip, \d+ B, 1 record\n/);
  expect(stdout).toMatch(/1 read = 1 written \+ 0 filtered \+ 0 rejected\.\nIt would take effect\.\n$/);
});

test('Ctrl-C ends it without a word', async () => {
  const many = file('many.ndjson', `${soup}\n`.repeat(400_000));
  const { status, stdout, stderr } = await finished(
    startSluice(directory, ['try', many, '-d', 'recipes']),
    'Reading',
  );
  expect({ status, stdout }).toEqual({ status: 130, stdout: '' });
  expect(stderr).toMatch(/^Reading .* of 31\.6 MB, [\d,]+ records\n$/);
});

test('it loads no client of AWS', async () => {
  const hook = file(
    'loaded.mjs',
    `import { registerHooks } from 'node:module';
     registerHooks({ load(url, context, next) {
       if (/@aws-sdk|@smithy/.test(url)) process.stderr.write(url + '\\n');
       return next(url, context);
     } });`,
  );
  const environment = { NODE_OPTIONS: `--import ${hook}` };
  const args = ['try', 'examples/recipes/soups.ndjson', '--rows', '0'];
  const { status, stderr } = await finished(startSluice(directory, args, { environment }));
  expect(status).toBe(0);
  // There is a line of progress if it takes long.
  expect(stderr.split('\n').filter((line) => line.startsWith('file:'))).toEqual([]);
  expect(readdirSync(files)).not.toContain('state');
});
