/** A process that starts a MySQL server and sends its URL to the parent. */
import { startMysqlServer } from '../../../cli/mysql/server.ts';

const [, , program = '', directory = ''] = process.argv;
const { url } = await startMysqlServer({ program, directory });
process.send?.(url);
