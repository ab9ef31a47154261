import {
  type Outline,
  outline,
  outlineKey,
  outlinesPrefix,
} from '../../../domain/records/segments/outline.ts';
import type { OutlineSource } from '../../../domain/records/segments/split-outlined.ts';
import { renderDocument } from '../../../domain/versions/document.ts';
import type { VersionPath } from '../../../domain/versions/key-layout.ts';
import type { ObjectEvent } from '../../../domain/versions/object-event.ts';
import type { StageContext } from '../context.ts';
import { ownDocument } from './own-document.ts';

/** How many segments after its own an extraction has outlined: more than functions work on at once. */
const AHEAD = 32;

/** The outlines of a version, beside its parts. They only save time, so no failure to get one counts. */
export class Outlines implements OutlineSource {
  readonly #event: ObjectEvent;
  readonly #path: VersionPath;
  readonly #bucket: string;
  readonly #context: StageContext;
  #asked = 0;

  constructor(event: ObjectEvent, path: VersionPath, bucket: string, context: StageContext) {
    this.#event = event;
    this.#path = path;
    this.#bucket = bucket;
    this.#context = context;
  }

  /**
   * Sends a message for each of the next segments. The very next one is not among them: the extraction is
   * there before any other function has read it.
   */
  async ask(segment: number): Promise<void> {
    const { limits, handOver } = this.#context;
    const first = Math.max(this.#asked, segment + 1) + 1;
    const last = Math.min(segment + AHEAD, lastSegment(this.#event, limits.segmentBytes));
    if (last < first) return;
    this.#asked = last;
    const segments = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    // The time of a hand-over belongs to one message: older code would take another for the rest.
    const event = { ...this.#event, handedOver: undefined };
    await Promise.allSettled(segments.map((each) => handOver({ ...event, segment: each })));
  }

  async find(segment: number): Promise<Outline | undefined> {
    if (segment > lastSegment(this.#event, this.#context.limits.segmentBytes)) return undefined;
    const address = this.#addressOf(segment);
    const found = await this.#context.store.find(address.bucket, address.key);
    return found && ownDocument(outline, found.text, address, this.#context.codeVersion);
  }

  async write(segment: number, made: Outline): Promise<void> {
    const body = renderDocument(outline, made);
    await this.#context.store.write({ ...this.#addressOf(segment), body, contentType: 'application/json' });
  }

  async remove(segment: number): Promise<void> {
    const { bucket, key } = this.#addressOf(segment);
    await this.#context.store.remove(bucket, [key]);
  }

  /** Removes all of them when the extraction has ended, if the object is so large that there may be any. */
  async removeAll(): Promise<void> {
    const { store, limits } = this.#context;
    if (lastSegment(this.#event, limits.segmentBytes) < 2) return;
    await store.remove(this.#bucket, await store.list(this.#bucket, outlinesPrefix(this.#path)));
  }

  #addressOf(segment: number): { readonly bucket: string; readonly key: string } {
    return { bucket: this.#bucket, key: outlineKey(this.#path, segment) };
  }
}

const lastSegment = ({ size = 0 }: ObjectEvent, segmentBytes: number) =>
  Math.max(0, Math.floor((size - 1) / segmentBytes));
