import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { icebergRead } from 'icebird';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { comparable } from '../parquet-rows.ts';
import { type Expected, everyOperation } from './operations.ts';

let server: Server;
let tables: Expected[] = [];

beforeAll(async () => {
  server = createServer(({ url = '', headers }, response) => {
    const bytes = tables.map(({ table }) => table.files.get(`${origin()}${url}`)).find(Boolean);
    if (bytes === undefined) return response.writeHead(404).end();
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? [];
    if (from === undefined) return response.writeHead(200).end(bytes);
    return response.writeHead(206).end(bytes.subarray(Number(from), to ? Number(to) + 1 : undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  tables = await everyOperation(origin(), 'required');
});

const origin = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

afterAll(() => new Promise((resolve) => server.close(resolve)));

describe('icebird', () => {
  it.each([0, 1, 2, 3, 4, 5])('reads the rows of a table after the operation %i', async (at) => {
    const { table, columns, rows } = tables[at] as Expected;
    const metadata = JSON.parse((table.files.get(table.path) as Buffer).toString());
    const tableUrl = table.metadata.location;
    const found = await icebergRead({ tableUrl, metadata });
    const sorted = found.toSorted((one, other) => Number(one['id']) - Number(other['id']));
    expect(sorted.map((row) => comparable(nulls(row), columns))).toEqual(
      rows.map((row) => comparable(row, columns)),
    );
  });
});

/** It gives back what is not there as `undefined`. */
function nulls(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value === null || typeof value !== 'object' || value instanceof Date
        ? (value ?? null)
        : Array.isArray(value)
          ? value.map((each) => each ?? null)
          : nulls(value as Record<string, unknown>),
    ]),
  );
}
