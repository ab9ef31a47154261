import type { Mutation } from '../mutation.ts';

export const storage: readonly Mutation[] = [
  {
    name: 'writes its receipt over the one that is there',
    file: 'store/ledger.ts',
    find: 'return (await this.#store.create(object)) !== undefined;',
    replace: 'return (await this.#store.write(object)) !== undefined;',
  },
  {
    name: 'reads the current version, whatever the event says',
    file: 'store/object-store.ts',
    find: 'return { Bucket: bucket, Key: key, VersionId: versionId };',
    replace: 'return { Bucket: bucket, Key: key };',
  },
  {
    name: 'takes 409 for 412',
    file: 'store/object-store.ts',
    find: 'if (isStatus(error, 412)) return undefined;',
    replace: 'if (isStatus(error, 412) || isStatus(error, 409)) return undefined;',
  },
  {
    name: 'takes 412 for done',
    file: 'store/object-store.ts',
    find: 'if (isStatus(error, 412)) return undefined;',
    replace: 'if (isStatus(error, 412)) return written({});',
  },
  {
    name: 'lists the first page of a prefix only',
    file: 'store/object-store.ts',
    find: 'keys.push(Key);\n      return keys;',
    replace: 'keys.push(Key);\n      return keys.slice(0, 4);',
  },
  {
    name: 'does not look whether all were deleted',
    file: 'store/object-store.ts',
    find: 'if (first !== undefined)',
    replace: 'if (false)',
  },
  {
    name: 'writes entries over those that others wrote meanwhile',
    file: 'store/ledger.ts',
    find: 'await this.#store.replace(object, known.etag)',
    replace: '(await this.#store.write(object), true)',
  },
  {
    name: 'writes the first entry of a key over the one that is there',
    file: 'store/ledger.ts',
    find: '? await this.#store.create(object)',
    replace: '? (await this.#store.write(object), true)',
  },
  {
    name: 'gives up an entry that somebody else has changed',
    file: 'store/ledger.ts',
    find: 'const SWAP_ATTEMPTS = 20;',
    replace: 'const SWAP_ATTEMPTS = 1;',
    caughtBy: 'test/handlers/stages.test.ts',
  },
  {
    name: 'takes up again what it has forgotten',
    file: 'store/ledger.ts',
    find: 'known !== undefined && mayBeForgotten(known, event)',
    replace: 'false',
    caughtBy: 'test/handlers/supersede.test.ts',
  },
];
