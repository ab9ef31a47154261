import * as z from 'zod';
import { page } from '../http/json.ts';
import { harmless, notServed, only } from '../http/parameters.ts';
import { account } from '../iam/credentials.ts';
import { within } from './catalog.ts';
import { governed, inDatabase, namedTable, ofTable, paging, wholeAnswer } from './shapes.ts';
import { creation, replacement } from './table-input.ts';
import type { Table } from './tables.ts';
import { onTable, operation } from './targets.ts';

const { TransactionId, AuditContext } = governed;

export const tableOperations = {
  GetTables: operation({
    input: inDatabase.extend({
      ...paging.shape,
      ...governed,
      Expression: notServed,
      ResourceShareType: only('ALL'),
      IncludeStatusDetails: harmless('No table has a status.'),
      AttributesToGet: wholeAnswer,
    }),
    find: ({ service: { glue }, input: { DatabaseName } }) => glue.catalog.database(DatabaseName),
    action: 'glue:GetTables',
    // "Fine-grained access to databases and tables" (Athena user guide): on every table of the database.
    resource: ({ target }) => within(target, '*'),
    run: ({ service: { glue }, target, input }) =>
      page('TableList', glue.catalog.tables(target.name), describeTable, input),
  }),

  GetTable: onTable(
    'glue:GetTable',
    namedTable.extend({
      ...governed,
      IncludeStatusDetails: harmless('No table has a status.'),
      AttributesToGet: wholeAnswer,
    }),
    ({ target }) => ({ Table: describeTable(target) }),
  ),

  GetTableVersions: onTable(
    'glue:GetTableVersions',
    ofTable.extend({
      ...paging.shape,
      MaxResults: z.int().min(1).max(100).default(100),
      AuditContext,
    }),
    ({ service: { glue }, target: { database, name }, input }) =>
      page(
        'TableVersions',
        glue.catalog.versions(database, name),
        (table) => ({ Table: describeTable(table), VersionId: table.versionId }),
        input,
      ),
  ),

  CreateTable: operation({
    input: inDatabase.extend({ ...creation, TransactionId }),
    find: ({ service: { glue }, input: { DatabaseName } }) => glue.catalog.database(DatabaseName),
    action: 'glue:CreateTable',
    resource: ({ target, input: { TableInput } }) => within(target, TableInput.Name),
    run: async ({ service: { glue }, target: { name }, input: { TableInput } }) => {
      await glue.changeTable((catalog) => catalog.createTable(name, TableInput));
    },
  }),

  UpdateTable: operation({
    input: inDatabase.extend({ ...replacement, TransactionId }),
    find: ({ service: { glue }, input: { DatabaseName, TableInput } }) =>
      glue.catalog.table(DatabaseName, TableInput.Name),
    action: 'glue:UpdateTable',
    resource: ({ service: { glue }, target }) => within(glue.catalog.database(target.database), target.name),
    run: async ({ service: { glue }, target, input: { TableInput, VersionId, SkipArchive = false } }) => {
      const options = { versionId: VersionId, skipArchive: SkipArchive };
      await glue.changeTable((catalog) => catalog.updateTable(target.database, TableInput, options));
    },
  }),

  DeleteTable: onTable(
    'glue:DeleteTable',
    namedTable.extend({ TransactionId }),
    async ({ service: { glue }, target: { database, name } }) => {
      await glue.changeTable((catalog) => catalog.deleteTable(database, name));
    },
  ),
};

/** A table as the API answers it, with times in seconds. */
function describeTable({ name, database, versionId, createdAt, updatedAt, definition }: Table): object {
  return {
    Name: name,
    DatabaseName: database,
    CatalogId: account,
    VersionId: versionId,
    Retention: 0,
    ...definition,
    ...(createdAt !== undefined && { CreateTime: createdAt / 1000 }),
    ...(updatedAt !== undefined && { UpdateTime: updatedAt / 1000 }),
    IsRegisteredWithLakeFormation: false,
  };
}
