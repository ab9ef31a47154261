#!/usr/bin/env node
// The entry point of the command line: runs cli/cli.ts with the current Node, or itself with the packaged one
// if that is too old.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagedNode, suffices } from './set-up/node.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = suffices(process.version) ? process.execPath : packagedNode(root);

// The cache keeps compiled code with its types stripped. It halves the start time of every command and saves
// 25 MB.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'node');

// npm writes this file when it has installed everything.
if (node === undefined || !existsSync(join(root, 'node_modules', '.package-lock.json'))) {
  console.error('Sluice is not set up yet. Run: npm run setup');
  process.exit(1);
}
if (node === process.execPath) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  // The reader closed the pipe, as in `sluice … | head`: nothing is left to do.
  process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const { runCommand } = await import('./cli.ts');
  await runCommand(process.argv.slice(2));
} else {
  const self = fileURLToPath(import.meta.url);
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl-C reaches the child directly, which decides when to end.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('exit', (code, signal) =>
    process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
  );
}
