import { join } from 'node:path';

export const projectDirectory = join(import.meta.dirname, '../..');

/** Where the local cloud keeps its state. */
export const defaultDirectory = join(projectDirectory, '.local');
