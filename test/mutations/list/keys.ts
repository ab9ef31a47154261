// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code, as text.

import type { Mutation } from '../mutation.ts';

export const keys: readonly Mutation[] = [
  {
    name: 'compares sequencers as numbers, without padding',
    file: 'domain/versions/sequencer.ts',
    find: 'const length = Math.max(a.length, b.length);',
    replace: 'if (a !== b) return BigInt(`0x${a}`) < BigInt(`0x${b}`) ? -1 : 1;\n  const length = a.length;',
  },
  {
    name: 'gives its outputs names by chance',
    file: 'domain/versions/key-layout.ts',
    find: 'part-${number(part)}~${codeSegment',
    replace: 'part-${number(part)}${Math.floor(1e6 * Math.random())}~${codeSegment',
    caughtBy: 'test/handlers/stages.test.ts',
  },
  {
    name: 'gives its rows ids by chance',
    file: 'datasets/recipes.ts',
    find: "hash('sha256', `${recordNumber}\\n${key}`)",
    replace: "hash('sha256', `${Math.random()}\\n${key}`)",
  },
  {
    name: 'has no part in the keys of the lake',
    file: 'domain/versions/key-layout.ts',
    find: 'part-${number(part)}~${codeSegment',
    replace: 'part-${number(0)}~${codeSegment',
  },
  {
    name: 'has no version in its keys',
    file: 'domain/versions/key-layout.ts',
    find: 'return revisionName(isPlain ? versionId :',
    replace: "return revisionName(isPlain ? 'v' :",
  },
  {
    name: 'has no revision in its keys',
    file: 'domain/versions/key-layout.ts',
    find: 'return revisionName(isPlain ? versionId : `~${hash(versionId)}`, revision);',
    replace: 'return revisionName(isPlain ? versionId : `~${hash(versionId)}`, 0 * revision);',
  },
  {
    name: 'names more revisions than their names can tell apart',
    file: 'domain/versions/revision.ts',
    find: 'if (revision > MAX_REVISION)',
    replace: 'if (revision > MAX_REVISION + 1)',
    caughtBy: 'test/domain/versions/ledger.test.ts',
  },
  {
    name: 'does not tell the revisions of its rows apart',
    file: 'domain/tables/row-identity.ts',
    find: 'return revisionName(sequencer, parseRevision(versionId).revision);',
    replace: 'return revisionName(sequencer, 0 * parseRevision(versionId).revision);',
  },
  {
    name: 'has no code in the names of the lake’s files',
    file: 'domain/versions/key-layout.ts',
    find: '~${codeSegment(codeVersion)}.${extension}',
    replace: '~c.${extension}',
    caughtBy: 'test/domain/versions/key-layout.test.ts',
  },
  {
    name: 'takes keys that read alike for one',
    file: 'domain/versions/key-layout.ts',
    find: '~${hash(key)}`;',
    replace: '~${hash(readable)}`;',
    caughtBy: 'test/domain/versions/key-layout.test.ts',
  },
  {
    name: 'has one loading receipt for all parts of a version',
    file: 'domain/versions/key-layout.ts',
    find: 'loading/${partitionPath}${number(part)}.json',
    replace: 'loading/${partitionPath}${number(0)}.json',
  },
  {
    name: 'names the first document of a publication as its last',
    file: 'domain/versions/key-layout.ts',
    find: 'part === Math.max(parts, 1) - 1 ? WHOLE',
    replace: 'part === 0 ? WHOLE',
    caughtBy: 'test/domain/versions/key-layout.test.ts',
  },
  {
    name: 'takes the file of another code for its own',
    file: 'domain/versions/key-layout.ts',
    find: '? codeVersion : hash(codeVersion);',
    replace: "? 'c' : hash(codeVersion);",
  },
];
