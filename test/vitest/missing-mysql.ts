import type { Reporter } from 'vitest/node';
import { findMysqlServer } from '../../cli/mysql/server-program.mjs';

const { CI = '', MYSQL_URL = '', SLUICE_NO_MYSQL = '' } = process.env;

const why =
  SLUICE_NO_MYSQL !== ''
    ? 'SLUICE_NO_MYSQL is set'
    : findMysqlServer() === undefined && MYSQL_URL === '' && CI === ''
      ? 'none is installed (npm run setup:mysql)'
      : undefined;

/** Of tests that need a MySQL server, and are skipped where there is none; in CI they fail instead. */
export const mysqlTag = { name: 'mysql', description: 'needs a MySQL server', skip: why !== undefined };

/** Says at the end how many tests that were. */
export const missingMysql: Reporter = {
  onTestRunEnd(modules) {
    const skipped = modules
      .flatMap((module) => [...module.children.allTests('skipped')])
      .filter(({ tags }) => tags.includes(mysqlTag.name));
    if (why !== undefined && skipped.length > 0)
      console.error(`\n${skipped.length} tests did not run: they need a MySQL server, and ${why}.`);
  },
};
