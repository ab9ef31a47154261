import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordColumn } from '../../domain/columns.ts';
import type { Dataset } from '../../domain/dataset.ts';
import { contentOf } from '../../domain/records/decoding/content.ts';
import { CsvSplitter } from '../../domain/records/decoding/csv/splitter.ts';
import { splitJson } from '../../domain/records/decoding/json/json.ts';
import { type Source, sourceOfBytes } from '../../domain/records/decoding/source.ts';
import type { SourceFormat } from '../../domain/source-format.ts';
import { projectDirectory } from '../target/directories.ts';
import { UserError } from '../terminal/user-error.ts';
import { type Trial, trialOf } from '../trial/trial.ts';

/** No more of a Parquet file is put into the repository. */
const MOST_PARQUET_BYTES = 1024 * 1024;
/** More rows and rejects than anybody wants to look through. */
const MOST = 10_000;

/** The files of a fixture, relative to the project. */
export interface Fixture {
  readonly input: string;
  readonly expected: string;
}

/**
 * Writes an input of a dataset and what the pipeline makes of it, for `test/datasets/fixtures.test.ts`.
 *
 * @param name of the fixture, without an extension
 */
export async function writeFixture(
  dataset: Dataset,
  name: string,
  extension: string,
  input: Buffer,
): Promise<Fixture & { readonly trial: Trial }> {
  const open = sourceOfBytes(input);
  const options = { key: dataset.source.prefix, rows: MOST, rejects: MOST };
  const trial = await trialOf(dataset, open, options);
  const folder = `test/datasets/${dataset.name}`;
  const files = {
    input: `${folder}/${name}.input.${extension}`,
    expected: `${folder}/${name}.expected.json`,
  };
  mkdirSync(join(projectDirectory, folder), { recursive: true });
  writeFileSync(join(projectDirectory, files.input), input);
  writeFileSync(join(projectDirectory, files.expected), `${JSON.stringify(expectedOf(trial), exact, 2)}\n`);
  return { ...files, trial };
}

function expectedOf({ rows, rejects, filtered, fault }: Trial) {
  const ofTransformation = rejects.filter(({ stage }) => stage !== 'loading');
  return {
    ...(rows.length > 0 && { rows: rows.map(({ [recordColumn.name]: _, ...row }) => row) }),
    ...(ofTransformation.length > 0 && {
      rejects: ofTransformation.map(({ recordNumber, path, code, message }) => ({
        recordNumber,
        path,
        code,
        message,
      })),
    }),
    ...(Object.keys(filtered).length > 0 && { filtered }),
    ...(fault && { fault: fault.code }),
  };
}

/** JSON has no integers of 64 bits: they are texts in a fixture. */
const exact = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/**
 * The first records of a file, as they stand in it, as a file of their own. One of Parquet or Avro is taken
 * whole.
 *
 * @throws {UserError} if it is too large for that
 */
export async function firstRecords(format: SourceFormat, open: Source, count: number): Promise<Buffer> {
  if (format.format === 'parquet' || format.format === 'avro') return wholeFile(open);
  if (format.format === 'json') {
    const lines: string[] = [];
    for await (const { pieces } of splitJson(format, contentOf(format, open))) {
      // A text of JSON has no line ending: these are between its tokens.
      for (const { bytes } of pieces)
        lines.push(
          bytes
            .toString('utf8')
            .trim()
            .replaceAll(/[\r\n]+/g, ' '),
        );
      if (lines.length >= count) break;
    }
    return Buffer.from(withList(lines.slice(0, count), format.list));
  }
  const splitter = new CsvSplitter(format);
  const pieces: Buffer[] = [];
  const wanted = count + (format.header === false ? 0 : 1);
  const take = (piece: ReturnType<CsvSplitter['push']>[number]) => {
    if (!('ends' in piece)) return void pieces.push(piece.bytes);
    let start = 0;
    for (const end of piece.ends) {
      pieces.push(piece.bytes.subarray(start, end));
      start = end + piece.newline.length;
    }
  };
  for await (const chunk of contentOf(format, open)) {
    for (const piece of splitter.push(chunk)) take(piece);
    if (pieces.length >= wanted) break;
  }
  const last = splitter.end();
  if (last !== undefined) take(last);
  return Buffer.concat(pieces.slice(0, wanted).flatMap((piece) => [piece, Buffer.from('\n')]));
}

async function wholeFile(open: Source): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of await open()) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MOST_PARQUET_BYTES)
      throw new UserError(
        `The fixture of a Parquet file is the whole file: take one of ${MOST_PARQUET_BYTES} bytes at most.`,
      );
  }
  return Buffer.concat(chunks);
}

function withList(lines: readonly string[], list: string | undefined): string {
  if (list === undefined) return lines.map((line) => `${line}\n`).join('');
  const names = list.split('.').map((name) => `{${JSON.stringify(name)}:`);
  return `${names.join('')}[\n${lines.join(',\n')}\n]${'}'.repeat(names.length)}\n`;
}
