import { MysqlTableStore } from '../../../mysql/mysql-table-store.ts';
import { patience } from '../../../mysql/session.ts';
import { climates, Network } from '../network.ts';
import { Random } from '../random.ts';
import { MemoryMysql } from './mysql.ts';

/** The stand-in of MySQL without a simulation around it: all calls succeed, and at once. */
export function calmMysql(): { readonly server: MemoryMysql; readonly tables: MysqlTableStore } {
  const clock = {
    now: () => 0,
    schedule(_: number, run: () => void) {
      const task = setImmediate(run);
      return () => clearImmediate(task);
    },
  };
  const server = new MemoryMysql(new Network(clock, new Random(1), climates[0], 0));
  const client = { name: 'test', alive: true };
  return {
    server,
    tables: new MysqlTableStore(() => server.connect(client), { ...patience, rowsRemoved: 2 }),
  };
}
