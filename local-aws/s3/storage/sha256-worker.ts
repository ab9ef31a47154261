/** The thread of sha256.ts: hashes the bytes that it receives, in order. */
import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { Task } from './sha256.ts';

const hashes = new Map<number, Hash>();

parentPort?.on('message', ({ hash: id, bytes }: Task) => {
  const hash = hashes.get(id) ?? createHash('sha256');
  if (bytes) {
    hashes.set(id, hash.update(bytes));
    parentPort?.postMessage('');
  } else {
    hashes.delete(id);
    parentPort?.postMessage(hash.digest('hex'));
  }
});
