import { type Checkpoint, checkpoint, checkpointKey } from '../../../domain/records/checkpoint.ts';
import { renderDocument } from '../../../domain/versions/document.ts';
import type { VersionPath } from '../../../domain/versions/key-layout.ts';
import type { ObjectStore } from '../../../store/object-store.ts';
import { ownDocument } from './own-document.ts';

/** How far the extraction of a version is, beside its parts. */
export class Checkpoints {
  readonly #store: ObjectStore;
  readonly #address: { readonly bucket: string; readonly key: string };
  #isThere = false;

  constructor(store: ObjectStore, bucket: string, path: VersionPath) {
    this.#store = store;
    this.#address = { bucket, key: checkpointKey(path) };
  }

  /** The last one of this code, if it can be read: without it, everything is done again. */
  async read(codeVersion: string): Promise<Checkpoint | undefined> {
    const { bucket, key } = this.#address;
    const found = await this.#store.find(bucket, key);
    if (found === undefined) return undefined;
    this.#isThere = true;
    return ownDocument(checkpoint, found.text, this.#address, codeVersion);
  }

  async write(now: Checkpoint): Promise<void> {
    const body = renderDocument(checkpoint, now);
    await this.#store.write({ ...this.#address, body, contentType: 'application/json' });
    this.#isThere = true;
  }

  /** After the receipt was written, which has all that counts. */
  async remove(): Promise<void> {
    if (this.#isThere) await this.#store.remove(this.#address.bucket, [this.#address.key]);
  }
}
