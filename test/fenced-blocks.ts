import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf } from './anchors.ts';
import { edited } from './edit.ts';

/** A fenced block: commands with their output, or a file of the reader's, or a change of one. */
export interface Block {
  readonly language: string;
  readonly file: string;
  readonly content: string;
}

export const blocksOf = (document: string): Block[] =>
  [...contentOf(document).matchAll(/^```(\w+) ?(\S*)\n(.*?)^```$/gms)].map(
    ([, language = '', file = '', content = '']) => ({ language, file, content }),
  );

/** Applies the hunks of a diff, which `@@` separates, to a copy of the checkout. */
export function applyDiff({ file, content }: Block, checkout: string): void {
  for (const hunk of content.split(/^@@\n/m)) {
    const side = (other: string) =>
      hunk
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith(other))
        .map((line) => `${line.slice(1)}\n`)
        .join('');
    writeFileSync(join(checkout, file), edited({ file, find: side('+'), replace: side('-') }, checkout));
  }
}
