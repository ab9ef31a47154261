// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is code, as text.

/** A defect that somebody could make: one place of the code, and what it would be instead. */
export interface Mutation {
  /** What the code then does, as the end of "a stage that …". */
  readonly name: string;
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: 'acknowledges a part before it is written',
    file: 'handlers/stages/parts-writer.ts',
    find: "await store.write({ bucket: this.#bucket, key, body, contentType: 'application/zstd' });",
    replace: 'store.write({ bucket: this.#bucket, key, body, contentType: "" }).catch(() => {});',
  },
  {
    name: 'acknowledges a file of the lake before it is written',
    file: 'handlers/stages/partitioned-files.ts',
    find: 'await store.write({ bucket, key, body, contentType: contentTypes[this.#format], metadata });',
    replace: 'store.write({ bucket, key, body, contentType: "", metadata }).catch(() => {});',
  },
  {
    name: 'acknowledges rejects before they are written',
    file: 'handlers/stages/work.ts',
    find: "await this.#store.write({ bucket: this.#bucket, key, body, contentType: 'application/x-ndjson' });",
    replace: 'this.#store.write({ bucket: this.#bucket, key, body, contentType: "" }).catch(() => {});',
  },
  {
    name: 'answers while its other writes are under way',
    file: 'handlers/stages/work.ts',
    find: '  await Promise.allSettled(work);\n',
    replace: '',
  },
  {
    name: 'writes its receipt before the last part',
    file: 'handlers/stages/extract-object.ts',
    find: 'await together([parts.finish(), rejects.flush()]);',
    replace: 'const late = together([parts.finish(), rejects.flush()]); late.catch(() => {});',
  },
  {
    name: 'writes its receipt over the one that is there',
    file: 'handlers/stages/ledger.ts',
    find: 'await this.#store.create({',
    replace: 'await this.#store.write({',
  },
  {
    name: 'acknowledges what it has failed at',
    file: 'handlers/stage.ts',
    find: 'await leaveReason(error, message, options, store);\n      throw error;',
    replace: 'await leaveReason(error, message, options, store);',
  },
  {
    name: 'leaves no note when it gives up',
    file: 'handlers/stage.ts',
    find: 'if (isLastAttempt(message)) await leaveReason(error, message, options, store);\n',
    replace: '',
  },
  {
    name: 'goes on after its time is over',
    file: 'handlers/stage.ts',
    find: 'endsWith(outside.store, () => outside.now() >= deadline)',
    replace: 'outside.store',
  },
  {
    name: 'fails the whole batch for one message',
    file: 'handlers/stage.ts',
    find: 'return Promise.allSettled(',
    replace: 'return Promise.all(',
  },
  {
    name: 'reads the current version, whatever the event says',
    file: 'handlers/edges/object-store.ts',
    find: 'return { Bucket: bucket, Key: key, VersionId: versionId };',
    replace: 'return { Bucket: bucket, Key: key };',
  },
  {
    name: 'takes 409 for 412',
    file: 'handlers/edges/object-store.ts',
    find: 'if (isStatus(error, 412)) return false;',
    replace: 'if (isStatus(error, 412) || isStatus(error, 409)) return false;',
  },
  {
    name: 'takes 412 for done',
    file: 'handlers/edges/object-store.ts',
    find: 'if (isStatus(error, 412)) return false;',
    replace: 'if (isStatus(error, 412)) return true;',
  },
  {
    name: 'lists the first page of a prefix only',
    file: 'handlers/edges/object-store.ts',
    find: 'keys.push(Key);\n      return keys;',
    replace: 'keys.push(Key);\n      return keys.slice(0, 4);',
  },
  {
    name: 'does not look whether all were deleted',
    file: 'handlers/edges/object-store.ts',
    find: 'if (first !== undefined)',
    replace: 'if (false)',
  },
  {
    name: 'compares sequencers as numbers, without padding',
    file: 'domain/sequencer.ts',
    find: 'const length = Math.max(a.length, b.length);',
    replace: 'if (a !== b) return BigInt(`0x${a}`) < BigInt(`0x${b}`) ? -1 : 1;\n  const length = a.length;',
  },
  {
    name: 'gives its outputs names by chance',
    file: 'domain/key-layout.ts',
    find: 'part-${number(part)}~${id}',
    replace: 'part-${number(part)}${Math.floor(1e6 * Math.random())}~${id}',
  },
  {
    name: 'gives its rows ids by chance',
    file: 'domain/datasets/recipes.ts',
    find: "hash('sha256', `${recordNumber}\\n${key}`)",
    replace: "hash('sha256', `${Math.random()}\\n${key}`)",
  },
  {
    name: 'has no part in the keys of the lake',
    file: 'domain/key-layout.ts',
    find: 'part-${number(part)}~${id}',
    replace: 'part-${number(0)}~${id}',
  },
  {
    name: 'has no version in its keys',
    file: 'domain/key-layout.ts',
    find: 'return editionName(isPlain ? versionId :',
    replace: "return editionName(isPlain ? 'v' :",
  },
  {
    name: 'has no edition in its keys',
    file: 'domain/key-layout.ts',
    find: 'return editionName(isPlain ? versionId : `~${hash(versionId)}`, edition);',
    replace: 'return editionName(isPlain ? versionId : `~${hash(versionId)}`, 0 * edition);',
  },
  {
    name: 'writes heads over those that others wrote meanwhile',
    file: 'handlers/stages/ledger.ts',
    find: 'await this.#store.replace(object, etag)',
    replace: '(await this.#store.write(object), true)',
  },
  {
    name: 'heeds no lease',
    file: 'domain/ledger.ts',
    find: 'attempt.leaseUntil > now && ',
    replace: 'false && ',
  },
  {
    name: 'takes a lease that ends at once',
    file: 'domain/ledger.ts',
    find: 'leaseUntil: deadline,',
    replace: 'leaseUntil: now,',
  },
  {
    name: 'goes on with what other code began',
    file: 'domain/ledger.ts',
    find: 'attempt.codeVersion !== codeVersion',
    replace: 'false',
  },
  {
    name: 'takes what the transform refuses for usable',
    file: 'handlers/stages/extract-object.ts',
    find: 'usable ||= isUsable(dataset, validated.line, event.key);',
    replace: 'usable = true;',
  },
  {
    name: 'says of what the transform refuses no longer why',
    file: 'domain/ledger.ts',
    find: "status === 'extracting' || parts > 0",
    replace: "status === 'extracting'",
  },
  {
    name: 'does not know its own lease',
    file: 'domain/ledger.ts',
    find: ' && attempt.invocation !== invocation',
    replace: '',
  },
  {
    name: 'acknowledges what somebody else works on',
    file: 'handlers/stages/extract-object.ts',
    find: 'throw inProgress(event, decision.until);',
    replace: "return withoutRecords(name, 'duplicate');",
  },
  {
    name: 'extracts what a newer event has overtaken',
    file: 'domain/ledger.ts',
    find: "if (attempt === undefined && isOlder(version, current)) return { action: 'stale' };",
    replace: '',
  },
  {
    name: 'ignores deletions',
    file: 'domain/ledger.ts',
    find: "if (onDelete === 'keep')",
    replace: "if (onDelete !== 'keep')",
  },
  {
    name: 'lets a deletion undo what came after it',
    file: 'domain/ledger.ts',
    find: "if (isOlder({ sequencer, versionId }, current)) return { action: 'stale' };",
    replace: '',
  },
  {
    name: 'lets a rejected version take effect',
    file: 'handlers/stages/extract-object.ts',
    find: "|| onReject === 'replace';",
    replace: "|| onReject !== 'replace';",
  },
  {
    name: 'keeps the rejects of every rejected version',
    file: 'domain/ledger.ts',
    find: 'rejected.filter((each) => each !== newest)',
    replace: 'rejected.filter(() => false)',
  },
  {
    name: 'takes the lower edition of a version for the newer one',
    file: 'domain/ledger.ts',
    find: 'return one.edition < other.edition;',
    replace: 'return one.edition > other.edition;',
  },
  {
    name: 'does not tell the editions of a version apart',
    file: 'domain/ledger.ts',
    find: 'if (one.versionId === other.versionId) return one.edition < other.edition;',
    replace: '',
  },
  {
    name: 'does not tell the editions of its rows apart',
    file: 'domain/tables/row-identity.ts',
    find: 'return editionName(sequencer, parseEdition(versionId).edition);',
    replace: 'return editionName(sequencer, 0 * parseEdition(versionId).edition);',
  },
  {
    name: 'concludes what was overtaken meanwhile',
    file: 'domain/ledger.ts',
    find: 'if (attempt === undefined) return undefined;',
    replace: 'if (attempt === undefined) return known;',
  },
  {
    name: 'leaves what an overtaken extraction had written',
    file: 'handlers/stages/extract-object.ts',
    find: 'if (head === undefined) {\n    await removeExtracted(path, store, buckets);',
    replace: 'if (head === undefined) {',
  },
  {
    name: 'leaves what a dead attempt at an overtaken version had written',
    file: 'handlers/stages/extract-object.ts',
    find: "if (event.type === 'created' && standing(known, path) === 'gone')\n        await removeExtracted(path, store, buckets);",
    replace: '',
  },
  {
    name: 'does not finish what was left undone when an event comes again',
    file: 'handlers/stages/extract-object.ts',
    find: "case 'duplicate':\n      await removeSuperseded(known, ledger, store, buckets);",
    replace: "case 'duplicate':",
  },
  {
    name: 'leaves the rows of a deleted object',
    file: 'handlers/stages/extract-object.ts',
    find: 'await removeSuperseded(decision.next, ledger, store, buckets);\n',
    replace: '\n',
  },
  {
    name: 'removes the old version before the new one is complete',
    file: 'handlers/stages/supersede.ts',
    find: 'if (!(await isWhole(head, ledger))) return;',
    replace: '',
  },
  {
    name: 'takes a version for complete that is transformed but not loaded',
    file: 'handlers/stages/supersede.ts',
    find: 'if (isLoaded !== true) return false;',
    replace: '',
  },
  {
    name: 'takes a version for complete of which some parts are loaded',
    file: 'handlers/stages/supersede.ts',
    find: 'if (!transformations.every((key) => there.has(key))) return false;',
    replace: 'if (!transformations.some((key) => there.has(key))) return false;',
  },
  {
    name: 'forgets what was superseded before it is gone',
    file: 'handlers/stages/supersede.ts',
    find: 'for (const versionId of superseded) {',
    replace:
      "await ledger.change(path(''), (known) => known && withoutSuperseded(known, superseded));\n  for (const versionId of superseded) {",
  },
  {
    name: 'never finds a version complete',
    file: 'domain/ledger.ts',
    find: ': { ...known, complete: true };',
    replace: ': known;',
  },
  {
    name: 'takes a new version for complete because the one before was',
    file: 'domain/ledger.ts',
    find: 'function withCurrent({ complete: _, ...known }: Head,',
    replace: 'function withCurrent(known: Head,',
  },
  {
    name: 'never completes a version in the transformation',
    file: 'handlers/stages/piece.ts',
    find: 'return (await completes(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "const whole = receipt.stage === 'transformation' ? standing(await ledger.head(address), address) !== 'gone' : await completes(address, ledger, store, buckets); return whole ? receipt : discarded();",
  },
  {
    name: 'never completes a version in the loading',
    file: 'handlers/stages/piece.ts',
    find: 'return (await completes(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "const whole = receipt.stage === 'loading' ? standing(await ledger.head(address), address) !== 'gone' : await completes(address, ledger, store, buckets); return whole ? receipt : discarded();",
  },
  {
    name: 'does not look, once a part is transformed, whether it was overtaken',
    file: 'handlers/stages/piece.ts',
    find: 'return (await completes(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "return (await completes(address, ledger, store, buckets)) || receipt.stage === 'transformation' ? receipt : discarded();",
  },
  {
    name: 'does not look, once a file is loaded, whether it was overtaken',
    file: 'handlers/stages/piece.ts',
    find: 'return (await completes(address, ledger, store, buckets)) ? receipt : discarded();',
    replace:
      "return (await completes(address, ledger, store, buckets)) || receipt.stage === 'loading' ? receipt : discarded();",
  },
  {
    name: 'discards a complete version that was superseded just then',
    file: 'handlers/stages/supersede.ts',
    find: "if (stands === 'gone') return false;",
    replace: "if (stands !== 'live') return false;",
  },
  {
    name: 'transforms what was overtaken',
    file: 'handlers/stages/piece.ts',
    find: "if (stands === 'gone') return discarded();",
    replace: "if (stands === 'gone' && !receiptKey.includes('/transformation')) return discarded();",
  },
  {
    name: 'loads what was overtaken',
    file: 'handlers/stages/piece.ts',
    find: "if (stands === 'gone') return discarded();",
    replace: "if (stands === 'gone' && !receiptKey.includes('/loading')) return discarded();",
  },
  {
    name: 'archives nothing',
    file: 'handlers/stages/load-file.ts',
    find: 'await store.copy(event, toArchive);',
    replace: '',
  },
  {
    name: 'leaves the archive files of what is gone',
    file: 'handlers/stages/load-file.ts',
    find: 'await store.remove(buckets.archive, [archiveKey(event.key)]);',
    replace: '',
  },
  {
    name: 'leaves the rows of what is gone in MySQL',
    file: 'handlers/stages/load-file.ts',
    find: 'await retractRows(event, address, ledger, dataset, surroundings);',
    replace: '',
  },
];
