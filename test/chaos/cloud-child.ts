import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLocalMysql } from '../../cli/mysql/bundled-server.ts';
import { driftOf } from '../../domain/tables/drift.ts';
import { startCloud } from '../../local-aws/cloud.ts';

// The local cloud, in a process of its own that can be killed: `node cloud-child.ts <project> <directory>
// <port>`.
const [project = '', directory = '', port = ''] = process.argv.slice(2);
const { CHAOS_CLOCK = '', MYSQL_URL: url } = process.env;
const clock = pathToFileURL(join(import.meta.dirname, 'clock-child.ts'));
const cloud = await startCloud({
  project,
  stack: 'chaos',
  name: 'Sluice',
  compareFile: driftOf,
  directory,
  port: Number(port),
  onTrouble: (line) => console.error(line),
  variables: async (configured) => ({
    ...withLocalMysql(configured, url),
    CHAOS_CLOCK,
    NODE_OPTIONS: `--import=${clock}`,
  }),
});
const running = {
  endpoint: cloud.endpoint,
  pid: process.pid,
  outputs: cloud.outputs,
  mysql: 'as MYSQL_URL says',
};
writeFileSync(join(directory, 'instance.json'), JSON.stringify(running, null, 2));
process.send?.(running);
process.once('SIGTERM', () => void cloud.close().then(() => process.exit(0)));
