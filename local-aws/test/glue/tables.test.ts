import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServiceError } from '../../core/service-error.ts';
import type { TableInput } from '../../glue/table-input.ts';
import { type TableChange, Tables } from '../../glue/tables.ts';

const input = (Name: string, pointer = ''): TableInput => ({
  Name,
  Parameters: { metadata_location: pointer },
});
const pointerOf = (tables: Tables, name: string) =>
  tables.find('lake', name)?.definition.Parameters?.['metadata_location'];

/** The code of the error, or what was returned. */
function outcome<Result>(run: () => Result): Result | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof ServiceError) return error.code;
    throw error;
  }
}

describe('a table', () => {
  test('begins at version 0, counts its updates, and keeps when it was created', () => {
    let now = 1000;
    const tables = new Tables(() => now);
    tables.create('lake', input('recipes'));
    now = 2000;
    tables.update('lake', input('recipes'), { skipArchive: true });
    tables.update('lake', input('recipes'));
    expect(tables.find('lake', 'recipes')).toMatchObject({
      versionId: '2',
      createdAt: 1000,
      updatedAt: 2000,
    });
  });

  test('gets the whole definition of an update and nothing of the one before', () => {
    const tables = new Tables(() => 0);
    tables.create('lake', { ...input('recipes'), Description: 'Cakes', Owner: 'me' });
    tables.update('lake', { ...input('recipes'), Description: 'Soups' });
    expect(tables.find('lake', 'recipes')?.definition).toEqual({
      Parameters: { metadata_location: '' },
      Description: 'Soups',
    });
  });

  test('has at most as many versions as AWS allows, of which archiving none is no part', () => {
    const tables = new Tables(() => 0);
    tables.create('lake', input('recipes'));
    for (let version = 1; version < 100_000; version += 1) tables.update('lake', input('recipes'));
    expect(outcome(() => tables.update('lake', input('recipes')))).toBe(
      'ResourceNumberLimitExceededException',
    );
    tables.update('lake', input('recipes', 'new'), { skipArchive: true });
    expect(pointerOf(tables, 'recipes')).toBe('new');
  });

  const names = fc.constantFrom('a', 'b');
  const acts = fc.array(
    fc.oneof(
      fc.record({ act: fc.constant('create' as const), name: names }),
      fc.record({
        act: fc.constant('update' as const),
        name: names,
        /** How many versions before the present one is named; none if null. */
        behind: fc.option(fc.nat(2)),
        skipArchive: fc.boolean(),
      }),
      fc.record({ act: fc.constant('delete' as const), name: names }),
    ),
    { maxLength: 30 },
  );

  test('takes an update exactly if it names the present version or none, and its record leads to the same state', () => {
    fc.assert(
      fc.property(acts, (chosen) => {
        const tables = new Tables(() => 0);
        const record: TableChange[] = [];
        /** The pointers of the versions, of which the archived ones have to be told. */
        const model = new Map<string, { version: number; pointer: string; archived: string[] }>();
        for (const [step, each] of chosen.entries()) {
          const { act, name } = each;
          const pointer = `${step}`;
          const known = model.get(name);
          const result = outcome(() => {
            if (act === 'create') return tables.create('lake', input(name, pointer));
            if (act === 'delete') return tables.delete('lake', name);
            const versionId = each.behind === null ? undefined : `${(known?.version ?? 0) - each.behind}`;
            return tables.update('lake', input(name, pointer), { versionId, skipArchive: each.skipArchive });
          });
          if (typeof result !== 'string') record.push(result);
          if (act === 'create') {
            expect(result === 'AlreadyExistsException').toBe(known !== undefined);
            if (!known) model.set(name, { version: 0, pointer, archived: [] });
          } else if (known === undefined) expect(result).toBe('EntityNotFoundException');
          else if (act === 'delete') model.delete(name);
          else if (each.behind === null || each.behind === 0) {
            expect(result).toMatchObject({ type: 'table' });
            if (!each.skipArchive) known.archived.push(known.pointer);
            model.set(name, { ...known, version: known.version + 1, pointer });
          } else expect(result).toBe('ConcurrentModificationException');
        }
        const replayed = new Tables(() => 0);
        for (const change of record) replayed.apply(change);
        const compacted = new Tables(() => 0);
        for (const change of tables.changes()) compacted.apply(change);
        for (const state of [tables, replayed, compacted]) {
          expect([...state.all()].map(({ name }) => name).toSorted()).toEqual([...model.keys()].toSorted());
          for (const [name, { version, pointer, archived }] of model) {
            expect(state.find('lake', name)?.versionId).toBe(`${version}`);
            const pointers = state
              .versions('lake', name)
              .map(({ definition }) => definition.Parameters?.['metadata_location']);
            expect(pointers).toEqual([pointer, ...archived.toReversed()]);
          }
        }
      }),
    );
  });
});
