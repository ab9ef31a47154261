/** A process that starts a MySQL server, says where it is, and does nothing more. */
import { startMysqlServer } from '../../cli/mysql/server.ts';

const [, , program = '', directory = ''] = process.argv;
const { url } = await startMysqlServer({ program, directory });
process.send?.(url);
