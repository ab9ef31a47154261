import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startCloud } from '../../local/cloud.ts';

// The local cloud, in a process of its own that can be killed: `node cloud-child.ts <project> <directory> <port>`.
const [project = '', directory = '', port = ''] = process.argv.slice(2);
const cloud = await startCloud({
  project,
  stack: 'chaos',
  directory,
  port: Number(port),
  onTrouble: (line) => console.error(line),
});
const running = {
  endpoint: cloud.endpoint,
  pid: process.pid,
  outputs: cloud.outputs,
  mysql: 'none: the configuration leaves it off',
};
writeFileSync(join(directory, 'instance.json'), JSON.stringify(running, null, 2));
process.send?.(running);
process.once('SIGTERM', () => void cloud.close().then(() => process.exit(0)));
